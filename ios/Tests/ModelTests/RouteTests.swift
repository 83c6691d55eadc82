import Bridge
import Foundation
import Models
import TestStage
import Testing

@MainActor @Suite(.timeLimit(.minutes(3))) struct RouteTests {
  /// A way that leads nowhere. The host and port of the server are filled in and would do for a direct connection.
  @Test(arguments: [
    (RouteChoice.socks, "", ErrorKind.proxyUnreachable),
    (RouteChoice.socks, "server", ErrorKind.notSocks),
    (RouteChoice.tor, "", ErrorKind.noTor),
  ])
  func aWayThatIsNoneIsNamedAndNothingGoesAnother(way: RouteChoice, proxy: String, kind: ErrorKind) async throws {
    let user = User()
    let model = await user.atSignIn("juliet")
    let address = model.address
    model.route = way
    // The server's own port speaks, but no SOCKS; and nobody listens at the reserved port 1.
    model.proxyPort = proxy.isEmpty ? "1" : "\(Stage.here.port)"
    await user.app.submit(model)
    #expect(model.failure?.kind == kind && model.failure?.remedy.isEmpty == false)
    guard case .signIn = user.app.stage else { return #expect(Bool(false), "still at the first screen") }
    #expect(model.address == address && model.password == Stage.password && model.route == way && model.canSubmit)
    // The account was not made by another way: there is room for it now.
    model.route = .direct
    await user.app.submit(model)
    guard case .chats = user.app.stage else { return #expect(Bool(false), "\(String(describing: model.failure))") }
    await user.end()
  }

  @Test func aWayThatIsGoneIsNamedAndMendedWithoutSigningInAgain() async throws {
    let user = User()
    let chats = await user.signedIn("juliet")
    await until { chats.route.words?.hasPrefix("Directly") == true }
    chats.route.choice = .socks
    chats.route.proxyPort = "1"
    await chats.route.choose()
    #expect(chats.route.words == "Over the proxy 127.0.0.1 port 1 only" && chats.route.failure == nil)
    await until { chats.connection?.failure?.kind == .proxyUnreachable }
    #expect(chats.connection?.isOnline == false && chats.connection?.failure?.remedy.isEmpty == false)
    // What is written meanwhile waits.
    let chat = chats.chat(with: chats.address)
    user.follow(chat.follow)
    chat.draft = "to myself"
    await chat.send()
    await until { chat.bubbles.first?.fate?.delivery == .waiting }

    chats.route.proxyPort = "many"
    await chats.route.choose()
    #expect(chats.route.failure?.kind == .invalidInput)
    // What is filled in does not count before it is chosen.
    await chats.route.load()
    #expect(chats.route.proxyPort == "1" && chats.connection?.isOnline == false)

    chats.route.choice = .direct
    await chats.route.choose()
    await until { chats.connection?.isOnline == true }
    await user.end()
  }

  @Test(arguments: [(RouteChoice.direct, ErrorKind.onionNeedsTor), (RouteChoice.tor, ErrorKind.noTor)])
  func anOnionIsReachedOverTorOnly(way: RouteChoice, kind: ErrorKind) async throws {
    let user = User()
    let model = await user.atSignIn("juliet")
    model.host = "expyuzz4wqqyqhjn.onion"
    model.route = way
    model.making = false
    await user.app.submit(model)
    #expect(model.failure?.kind == kind && model.failure?.remedy.isEmpty == false)
    #expect(model.host == "expyuzz4wqqyqhjn.onion" && model.password == Stage.password && model.canSubmit)
    await user.end()
  }

  @Test func theStartOfTorIsALineThatSaysWhatItIsStuckAt() {
    #expect(TorLine(TorStatus(state: .off, percent: 0, blocked: nil)) == nil)
    let starting = TorLine(TorStatus(state: .starting, percent: 42, blocked: "clock"))
    #expect(starting?.words == "Tor starts: 42 %" && starting?.progress == 0.42)
    #expect(starting?.blocked?.kind == .torUnreachable && starting?.blocked?.cause.contains("clock is wrong") == true)
    let ready = TorLine(TorStatus(state: .ready, percent: 100, blocked: nil))
    #expect(ready?.progress == nil && ready?.blocked == nil)
  }
}
