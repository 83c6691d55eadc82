import Models

#if canImport(UIKit)
  import UIKit
#endif

/// What happens between leaving the screen and being frozen.
///
/// iOS kills an app that is frozen with a locked file in its group's container (0xdead10cc), so nothing may be open by
/// then: the core is asked to let go of all, and the system to wait for that.
@MainActor enum Suspension {
  static func begin(_ app: AppModel) {
    #if canImport(UIKit)
      var waiting = UIBackgroundTaskIdentifier.invalid
      let done = {
        UIApplication.shared.endBackgroundTask(waiting)
        waiting = .invalid
      }
      waiting = UIApplication.shared.beginBackgroundTask(withName: "letting go of the home", expirationHandler: done)
      Task {
        await app.move(to: .suspended)
        done()
      }
    #else
      Task { await app.move(to: .suspended) }
    #endif
  }
}
