import Bridge
import Foundation
import Models
import TestStage
import Testing

@MainActor @Suite(.timeLimit(.minutes(3))) struct BadInputTests {
  @Test func aWrongPasswordIsToldAndLeavesNoAccount() async throws {
    let user = User()
    let chats = await user.signedIn("juliet")
    let address = chats.address
    await user.app.signOut()
    guard case .signIn(let model) = user.app.stage else { return #expect(Bool(false), "signed out") }
    model.address = address
    model.password = "guessed"
    model.host = "127.0.0.1"
    model.port = "\(Stage.here.port)"
    model.authorities = Stage.here.authority
    await user.app.submit(model)
    #expect(model.failure?.kind == .wrongPassword && model.failure?.remedy.isEmpty == false)
    #expect(!model.isBusy && model.canSubmit)
    // Nothing of it was kept: the right one is taken as for a new account.
    model.password = Stage.password
    await user.app.submit(model)
    guard case .chats = user.app.stage else { return #expect(Bool(false), "signed in") }
    await user.end()
  }

  @Test(arguments: ["", "no address", "a@b@c", "@verona.test", "juliet@verona.test/with-a-resource"])
  func whatIsNoAddressIsRefusedByName(address: String) async throws {
    let user = User()
    let model = await user.atSignIn("juliet")
    model.address = address
    model.making = false
    await user.app.submit(model)
    #expect(address.isEmpty ? !model.canSubmit : model.failure?.kind == .invalidJid)
    await user.end()
  }

  @Test(arguments: ["", "0", "65536", "-1", "nine"])
  func whatIsNoPortIsRefused(port: String) async throws {
    let user = User()
    let model = await user.atSignIn("juliet")
    model.route = .socks
    model.proxyPort = port
    await user.app.submit(model)
    #expect(model.failure?.kind == .invalidInput)
    await user.end()
  }

  @Test func aMegabyteIsRefusedAndStaysInTheField() async throws {
    let user = User()
    let chats = await user.signedIn("juliet")
    let chat = chats.chat(with: Stage.here.newAddress("nurse"))
    let long = String(repeating: "0123456789abcde\n", count: 65_536)
    chat.draft = long
    await chat.send()
    #expect(chat.failure?.kind == .tooLarge && chat.draft == long && chat.bubbles.isEmpty)
    await user.end()
  }

  @Test func aVeryLongTextIsShownCutAndWholeOnDemand() async throws {
    let user = User()
    let chats = await user.signedIn("juliet")
    let chat = chats.chat(with: Stage.here.newAddress("nurse"))
    user.follow(chat.follow)
    let long = String(repeating: "0123456789abcde\n", count: 6_000)
    chat.draft = long
    await chat.send()
    await until { chat.bubbles.count == 1 }
    guard case .text(let text, let isCut) = chat.bubbles[0].content else { return #expect(Bool(false), "a text") }
    #expect(isCut && text.count == 4_000 && long.hasPrefix(text))
    await until { chats.rows.first.map { $0.preview.count < 100 } ?? false }
    chat.showWhole(chat.bubbles[0])
    #expect(chat.bubbles[0].content == .text(long, isCut: false))
    await user.end()
  }

  @Test func aNameCannotTurnTheLineAround() async throws {
    let user = User()
    let chats = await user.signedIn("juliet")
    let nurse = Stage.here.newAddress("nurse")
    let chat = chats.chat(with: nurse)
    chat.draft = "Nurse?"
    await chat.send()
    await chats.name(nurse, "\u{202E}oemoR\u{2066} \n of\u{0} Verona")
    await until { chats.rows.first?.title == "oemoR of Verona" }
    await user.end()
  }

  @Test func theWrongKeyIsToldAndChangesNothing() async throws {
    let user = User()
    _ = await user.signedIn("juliet")
    await user.end()
    let folder = URL(fileURLWithPath: user.scratch.path)
    let stranger = AppModel(home: folder, keys: MemoryKeys(StoreKey(repeatElement(8, count: 32))!))
    await stranger.open()
    guard case .broken(let failure) = stranger.stage else { return #expect(Bool(false), "it must not open") }
    #expect(failure.kind == .wrongKey)
    let owner = AppModel(home: folder, keys: MemoryKeys(StoreKey(repeatElement(7, count: 32))!))
    await owner.open()
    guard case .chats = owner.stage else { return #expect(Bool(false), "it opens") }
    await owner.end()
  }

  @Test func aLockedKeychainIsNoReasonForANewKey() async throws {
    let app = AppModel(home: URL(fileURLWithPath: Scratch().path), keys: NoKeys())
    await app.open()
    guard case .broken(let failure) = app.stage else { return #expect(Bool(false), "it must not open") }
    #expect(failure.kind == .keyFile)
  }
  @Test func whatAStrangerSendsIsBoundedOnTheScreen() async throws {
    let user = User()
    let chats = await user.signedIn("juliet")
    let name = "romeo2x\(UInt32.random(in: 0...UInt32.max))"
    let romeo = try await Peers.here.start(name, version: "2")
    let chat = chats.chat(with: romeo)
    user.follow(chat.follow)
    let long = String(repeating: "0123456789abcde\n", count: 30_000)
    try await Peers.here.says(name, to: chats.address, long)
    await until { chat.bubbles.count == 1 }
    guard case .text(let text, let isCut) = chat.bubbles[0].content else { return #expect(Bool(false), "a text") }
    #expect(isCut && text.count == 4_000 && long.hasPrefix(text) && chat.bubbles[0].spoken.count < 5_000)
    // Sealed it is larger than what any stanza may be.
    try await Peers.here.says(name, to: chats.address, String(repeating: "x", count: 1_048_576))
    await until { chat.bubbles.contains { $0.content == .unreadable("it is too large") } }
    // The stream lives on.
    try await Peers.here.says(name, to: chats.address, "after it")
    await until { chat.bubbles.contains { $0.content == .text("after it", isCut: false) } }
    #expect(chat.bubbles.count == 3)
    await user.end()
  }

  @Test func afterTheEndWhatIsTypedStays() async throws {
    let user = User()
    let chats = await user.signedIn("juliet")
    let chat = chats.chat(with: Stage.here.newAddress("nurse"))
    let devices = chats.devices(of: chats.address)
    await user.end()
    chat.draft = "Nurse?"
    await chat.send()
    #expect(chat.failure?.kind == .ended && chat.draft == "Nurse?")
    await chat.follow()
    await devices.follow()
    await chats.follow()
    #expect(devices.failure?.kind == .ended && chats.failure?.kind == .ended)
  }
}
