import Foundation
import Models
import Network
import Platform
import UIKit
import UserNotifications

/// What the system tells the app outside of its views: the token that Apple calls this device by.
final class AppDelegate: NSObject, UIApplicationDelegate {
  let app = AppModel(
    home: Place.home(), keys: Keys.ofThisDevice(),
    push: PushSetting(appServer: Place.appServer(), device: Place.device()))

  /// Streams of a network that was left are found and made anew at once.
  private let networks = NWPathMonitor()

  func application(
    _ application: UIApplication, didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]? = nil
  ) -> Bool {
    networks.pathUpdateHandler = { [app] _ in Task { await app.networkChanged() } }
    networks.start(queue: .main)
    return true
  }

  /// Once somebody is signed in: without their leave a push could show nothing, so none is registered then.
  func askForPushes() async {
    guard app.wantsToken else { return }
    let center = UNUserNotificationCenter.current()
    let granted = try? await center.requestAuthorization(options: [.alert, .badge, .sound])
    guard granted == true else { return await app.take(token: nil) }
    // Each time: the token changes, with a restored backup for example.
    UIApplication.shared.registerForRemoteNotifications()
  }

  func application(
    _ application: UIApplication, didRegisterForRemoteNotificationsWithDeviceToken deviceToken: Data
  ) {
    Task { await app.take(token: deviceToken) }
  }

  func application(_ application: UIApplication, didFailToRegisterForRemoteNotificationsWithError error: any Error) {
    Task { await app.take(token: nil) }
  }
}
