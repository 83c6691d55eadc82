import Bridge
import Models
import TestStage
import Testing

@MainActor @Suite(.timeLimit(.minutes(3))) struct StoryTests {
  @Test func twoPeopleSignInAndTalkThroughTheScreens() async throws {
    let (one, other) = (User(), User())
    let julietsChats = await one.signedIn("juliet")
    let romeosChats = await other.signedIn("romeo")
    let toRomeo = julietsChats.chat(with: romeosChats.address)
    one.follow(toRomeo.follow)

    toRomeo.draft = "Shall I hear more?"
    await toRomeo.send()
    #expect(toRomeo.draft.isEmpty && toRomeo.failure == nil)
    await until { romeosChats.rows.first?.unread == 1 }
    #expect(romeosChats.rows.first?.preview == "Shall I hear more?")

    let toJuliet = romeosChats.chat(with: julietsChats.address)
    other.follow(toJuliet.follow)
    await until { toJuliet.bubbles.count == 1 }
    // What is looked at is read.
    await until { romeosChats.rows.first?.unread == 0 }
    let heard = toJuliet.bubbles[0]
    #expect(heard.content == .text("Shall I hear more?", isCut: false))
    #expect(!heard.own && heard.sealing == .full && heard.fate == nil)

    toJuliet.draft = "I take thee at thy word."
    await toJuliet.send()
    await until { toRomeo.bubbles.count == 2 }
    await until { [.delivered, .displayed].contains(toRomeo.bubbles.first?.fate?.delivery) }
    #expect(toRomeo.bubbles.map(\.own) == [true, false])
    await one.end()
    await other.end()
  }

  @Test func aDeviceIsSeenComparedAndRejected() async throws {
    let (one, other) = (User(), User())
    let julietsChats = await one.signedIn("juliet")
    let romeosChats = await other.signedIn("romeo")
    let toRomeo = julietsChats.chat(with: romeosChats.address)
    one.follow(toRomeo.follow)
    toRomeo.draft = "Who art thou?"
    await toRomeo.send()
    await until { toRomeo.bubbles.first?.fate?.delivery ?? .waiting != .waiting }

    let romeos = julietsChats.devices(of: romeosChats.address)
    let romeosOwn = romeosChats.devices(of: romeosChats.address)
    one.follow(romeos.follow)
    other.follow(romeosOwn.follow)
    await until { romeos.rows.first?.fingerprint != nil && !romeosOwn.rows.isEmpty }
    #expect(romeos.rows.map(\.fingerprint) == romeosOwn.rows.map(\.fingerprint))
    #expect(romeosOwn.rows.first?.isThis == true && romeosOwn.rows.first?.canDecide == false)
    #expect(romeos.rows.first?.trust == .firstUse)

    await romeos.verify(romeos.rows[0])
    await until { romeos.rows.first?.trust == .verified }
    await romeos.reject(romeos.rows[0])
    await until { romeos.rows.first?.trust == .distrusted }
    toRomeo.draft = "Nobody may read this"
    await toRomeo.send()
    await until { toRomeo.bubbles.last?.fate?.failure != nil }
    #expect(toRomeo.bubbles.last?.fate?.failure?.kind == .noTrustedDevice)
    await one.end()
    await other.end()
  }

  @Test func aContactWithoutOmemoGetsNothingUntilPlainTextIsAllowed() async throws {
    let one = User()
    let chats = await one.signedIn("juliet")
    let chat = chats.chat(with: Stage.here.newAddress("nurse"))
    one.follow(chat.follow)
    chat.draft = "Art thou there?"
    await chat.send()
    await until { chat.bubbles.first?.wantsPlain == true }
    #expect(chat.bubbles[0].fate?.failure?.remedy.isEmpty == false && chat.bubbles[0].sealing == nil)
    chat.draft = "Speak!"
    await chat.send()
    #expect(chat.wantsPlain && chat.draft == "Speak!" && chat.bubbles.count == 1)
    await chat.allowPlain(for: chat.bubbles[0])
    #expect(chat.failure == nil && chat.isPlainAllowed)
    // Sent in the open, and marked so.
    await until { chat.bubbles.count == 2 && chat.bubbles[1].sealing == Sealing.none }
    await one.end()
  }

  @Test func anAppThatWasSuspendedHoldsNothingOpenAndHearsWhatItMissed() async throws {
    let (one, other) = (User(), User())
    let julietsChats = await one.signedIn("juliet")
    let romeosChats = await other.signedIn("romeo")
    #expect(!one.scratch.openFiles().isEmpty, "the control: while it runs there are some")
    await one.app.move(to: .suspended)
    #expect(one.scratch.openFiles().isEmpty && one.scratch.locks() == 0)

    let toJuliet = romeosChats.chat(with: julietsChats.address)
    toJuliet.draft = "Wilt thou leave me so unsatisfied?"
    await toJuliet.send()
    await one.app.move(to: .foreground)
    await until { julietsChats.rows.first?.preview == "Wilt thou leave me so unsatisfied?" }
    await one.end()
    await other.end()
  }
  @Test func whatIsTappedWhileTheAppIsSuspendedWaitsForItsReturn() async throws {
    let one = User()
    let chat = (await one.signedIn("juliet")).chat(with: Stage.here.newAddress("nurse"))
    one.follow(chat.follow)
    chat.draft = "Nurse?"
    await one.app.move(to: .suspended)
    let sending = Task { await chat.send() }
    await until { chat.draft.isEmpty }
    // Longer than a call takes: another device comes and goes.
    let other = User()
    _ = await other.signedIn("romeo")
    await other.end()
    #expect(one.scratch.openFiles() == [] && chat.bubbles.isEmpty)
    await one.app.move(to: .foreground)
    await sending.value
    await until { chat.bubbles.count == 1 }
    #expect(chat.failure == nil)
    await one.end()
  }
}
