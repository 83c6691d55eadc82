import Models
import SwiftUI
import UIKit
import Views

@main
struct DunnockApp: App {
  @UIApplicationDelegateAdaptor(AppDelegate.self) private var delegate
  @Environment(\.scenePhase) private var phase

  var body: some Scene {
    WindowGroup {
      RootView(delegate.app)
        .onChange(of: delegate.app.wantsToken, initial: true) { _, _ in
          Task { await delegate.askForPushes() }
        }
    }
    .onChange(of: phase) { _, phase in
      switch phase {
      case .active: Task { await delegate.app.move(to: .foreground) }
      case .background: Suspension.begin(delegate.app)
      default: break
      }
    }
  }
}
