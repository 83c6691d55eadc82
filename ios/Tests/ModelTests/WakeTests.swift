import Bridge
import Foundation
import Models
import TestStage
import Testing

@MainActor @Suite(.timeLimit(.minutes(3))) struct WakeTests {
  @Test func aPushIsAnsweredWithWhatWasMissedAndNothingStaysOpen() async throws {
    let (one, other) = (User(), User())
    let julietsChats = await one.signedIn("juliet")
    let romeosChats = await other.signedIn("romeo")
    await one.app.move(to: .suspended)
    let toJuliet = romeosChats.chat(with: julietsChats.address)
    other.follow(toJuliet.follow)
    toJuliet.draft = "It is my lady"
    await toJuliet.send()
    await until { [.sent, .delivered].contains(toJuliet.bubbles.first?.fate?.delivery) }

    // As the extension does it: another opening of the same home, while the app is frozen.
    let key = StoreKey(repeatElement(7, count: 32))!
    let wake = Wake(home: URL(fileURLWithPath: one.scratch.path), keys: MemoryKeys(key))
    let notice = await wake.notice(within: .seconds(60))
    #expect(notice == Notice(title: romeosChats.address, body: "It is my lady", thread: romeosChats.address))
    #expect(one.scratch.openFiles() == [])
    #expect(one.scratch.locks() == 0)
    // It was told once.
    #expect(await wake.notice(within: .seconds(60)) == .fallback)
    await one.end()
    await other.end()
  }

  @Test func withoutAKeyOrTimeTheNoticeSaysNothing() async throws {
    let user = User()
    let address = await user.signedIn("juliet").address
    await user.end()
    let folder = URL(fileURLWithPath: user.scratch.path)
    #expect(await Wake(home: folder, keys: NoKeys()).notice() == .fallback)
    let key = StoreKey(repeatElement(7, count: 32))!
    let hurried = await Wake(home: folder, keys: MemoryKeys(key)).notice(within: .zero)
    #expect(hurried == .fallback && !hurried.body.contains(address))
  }
}
