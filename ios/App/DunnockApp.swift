import Models
import Platform
import SwiftUI
import Views

@main
struct DunnockApp: App {
  @State private var app = AppModel(home: Place.home(), keys: Keys.ofThisDevice())
  @Environment(\.scenePhase) private var phase

  var body: some Scene {
    WindowGroup { RootView(app) }
      .onChange(of: phase) { _, phase in
        switch phase {
        case .active: Task { await app.move(to: .foreground) }
        case .background: Suspension.begin(app)
        default: break
        }
      }
  }
}
