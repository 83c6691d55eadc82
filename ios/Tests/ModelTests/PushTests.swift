import Bridge
import Foundation
import Models
import Platform
import TestStage
import Testing

@MainActor @Suite(.timeLimit(.minutes(3))) struct PushTests {
  /// One story, as the server has one door for app servers.
  @Test func anAppServerIsTakenAtItsWordOnlyWhereItMayBeAndForgottenWithTheAccount() async throws {
    let peers = Peers.here
    let user = User(push: PushSetting(appServer: try await peers.startAppServer("other_jid"), device: "this-one"))
    let chats = await user.signedIn("juliet")
    #expect(user.app.wantsToken)
    // It names somebody else's place to push to.
    await user.app.take(token: Data([0x0A, 0xFF]))
    await until { chats.push.failure?.kind == .pushAnswer }
    #expect(!chats.push.isOn && chats.push.failure?.remedy.isEmpty == false)

    _ = try await peers.startAppServer("right")
    await user.app.take(token: Data([0x0B, 0xFF]))
    await until { chats.push.isOn }
    #expect(chats.push.failure == nil)

    await user.app.signOut()
    try await peers.unregistered()

    // One that hangs keeps nobody from leaving.
    _ = try await peers.startAppServer("silent")
    let again = await user.signedIn("juliet")
    await until { again.push.words == "Asking the push service…" }
    #expect(!again.push.isOn)
    await user.app.signOut()
    guard case .signIn = user.app.stage else { return #expect(Bool(false), "signed out") }
    await user.end()
  }

  @Test func withoutLeaveOrAnAppServerNothingIsRegistered() async throws {
    let user = User()
    let chats = await user.signedIn("juliet")
    #expect(!user.app.wantsToken && !chats.push.isWanted)
    await user.app.take(token: Data([1]))
    await user.app.take(token: nil)
    #expect(chats.push.failure?.kind == .pushRefused)
    await until { chats.push.words == "Nobody wakes this device" }
    await user.end()
    #expect(PushSetting(appServer: "", device: "x") == nil && PushSetting(appServer: nil, device: "x") == nil)
  }

  @Test func anInstallationKeepsItsRandomName() throws {
    let scratch = Scratch()
    let (one, other) = ("\(scratch.path)/one/home", "\(scratch.path)/other/home")
    let name = Place.device(in: URL(fileURLWithPath: one))
    #expect(name.count == 36 && Place.device(in: URL(fileURLWithPath: one)) == name)
    #expect(Place.device(in: URL(fileURLWithPath: other)) != name)
  }
}
