import Models
import SwiftUI

/// The whole app: what is to be seen at this stage.
public struct RootView: View {
  private let app: AppModel

  public init(_ app: AppModel) { self.app = app }

  public var body: some View {
    switch app.stage {
    case .opening:
      ProgressView("Opening…").task { await app.open() }
    case .broken(let failure):
      VStack(spacing: 16) {
        FailureView(failure)
        Button("Try again") { Task { await app.open() } }
      }
      .padding()
    case .signIn(let model):
      SignInView(model) { await app.submit(model) }
    case .chats(let model):
      ChatListView(model) { await app.signOut() }
    }
  }
}
