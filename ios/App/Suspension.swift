import Models
import UIKit

/// What happens between leaving the screen and being frozen.
///
/// iOS kills an app that is frozen with a locked file in its group's container (0xdead10cc), so nothing may be open by
/// then: the core is asked to let go of all, and the system to wait for that.
@MainActor final class Suspension {
  private var waiting = UIBackgroundTaskIdentifier.invalid

  static func begin(_ app: AppModel) {
    let one = Suspension()
    one.waiting = UIApplication.shared.beginBackgroundTask(withName: "letting go of the home") { one.end() }
    Task {
      await app.move(to: .suspended)
      one.end()
    }
  }

  private func end() {
    guard waiting != .invalid else { return }
    UIApplication.shared.endBackgroundTask(waiting)
    waiting = .invalid
  }
}
