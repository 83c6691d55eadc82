import DunnockCore
import Foundation
import TestStage
import Testing

/// The kind that a call failed with, or nothing if it did not.
private func kind(_ call: () async throws -> Void) async -> ErrorKind? {
  do {
    try await call()
    return nil
  } catch DunnockError.Failed(let kind, _, _) {
    return kind
  } catch {
    return .internal
  }
}

@Suite(.timeLimit(.minutes(3))) struct EndTests {
  @Test func anEndWakesWhoWaitsInNext() async throws {
    let juliet = try await Person.online("juliet")
    let window = juliet.account.watchChats()
    #expect(try await window.next() != nil)
    async let waiting = window.next()
    window.end()
    #expect(try await waiting == nil)
    #expect(try await window.next() == nil)
    try await juliet.client.end()
  }

  @Test func theEndOfTheClientWakesWhoWaitsInNext() async throws {
    let juliet = try await Person.online("juliet")
    let window = juliet.account.watchChats()
    #expect(try await window.next() != nil)
    async let waiting = window.next()
    try await juliet.client.end()
    #expect(try await waiting == nil)
  }

  @Test func aCancelledNextLosesNoState() async throws {
    let juliet = try await Person.online("juliet")
    let to = Stage.here.newAddress("nobody")
    let window = juliet.account.watchTimeline(chat: to, limit: 10)
    #expect(try await window.next()?.isEmpty == true)
    let waiting = Task { try await window.next() }
    waiting.cancel()
    _ = try await juliet.account.send(to: to, text: "still there", replyTo: nil, originId: nil)
    // Swift's cancelling does not reach the core: the pull goes on, and what it got is the state that the next one has too.
    let seen = try await waiting.value
    #expect(seen?.first?.text == "still there")
    window.end()
    try await juliet.client.end()
  }

  @Test func closingUnderLoadEndsEveryCallAndLosesNothingThatWasAnswered() async throws {
    let juliet = try await Person.online("juliet")
    let to = Stage.here.newAddress("nobody")
    let account = juliet.account
    let answered = await withTaskGroup(of: Int.self) { group in
      for number in 0..<8 {
        group.addTask {
          var count = 0
          while (try? await account.send(to: to, text: "\(number)-\(count)", replyTo: nil, originId: nil)) != nil {
            count += 1
          }
          return count
        }
        group.addTask {
          let window = account.watchTimeline(chat: to, limit: 200)
          while let rows = try? await window.next() { _ = rows.count }
          return 0
        }
      }
      // Closed in the middle of it, once some were answered.
      _ = try? await first(of: account.watchTimeline(chat: to, limit: 200)) { $0.count >= 20 }
      try? await juliet.client.end()
      return await group.reduce(0, +)
    }
    #expect(answered >= 20)
    let again = try await openClient(home: juliet.scratch.path, key: key())
    let stored = try await count(of: try await again.account(jid: juliet.address), in: to)
    // What was answered is there; one more a task may have been stored whose answer the end cut off.
    #expect(stored >= answered && stored <= answered + 8)
    try await again.end()
  }

  @Test func afterTheEndEveryCallSaysEnded() async throws {
    let juliet = try await Person.online("juliet")
    let account = juliet.account
    let window = account.watchChats()
    try await juliet.client.end()
    try await juliet.client.end()
    #expect(await kind { _ = try await account.chats() } == .ended)
    #expect(await kind { try await account.connect() } == .ended)
    #expect(await kind { _ = try await juliet.client.accounts() } == .ended)
    #expect(await kind { _ = try await account.send(to: "a@b", text: "", replyTo: nil, originId: nil) } == .ended)
    #expect(try await window.next() == nil)
    #expect(account.jid() == juliet.address)
    #expect(juliet.scratch.openFiles().isEmpty)
  }

  @Test func aSuspendedHomeHoldsNoFileAndNoLockAndComesBack() async throws {
    let juliet = try await Person.online("juliet")
    #expect(!juliet.scratch.openFiles().isEmpty, "the control: while it runs there are some")
    try await juliet.client.setLifecycle(lifecycle: .suspended)
    #expect(juliet.scratch.openFiles().isEmpty)
    #expect(juliet.scratch.locks() == 0)
    try await juliet.client.setLifecycle(lifecycle: .foreground)
    try await first(of: juliet.account.watchConnection()) { $0.state == .online }
    try await juliet.client.end()
  }

  @Test func aWindowOfASuspendedHomeOpensNothingUntilItIsBack() async throws {
    let juliet = try await Person.online("juliet")
    let to = Stage.here.newAddress("nobody")
    let window = juliet.account.watchTimeline(chat: to, limit: 10)
    #expect(try await window.next()?.isEmpty == true)
    let waiting = Task { try await window.next() }
    try await juliet.client.setLifecycle(lifecycle: .suspended)
    // Another process commits; the window of this one must leave the files alone.
    let other = try await openClient(home: juliet.scratch.path, key: key())
    let account = try await other.account(jid: juliet.address)
    _ = try await account.send(to: to, text: "meanwhile", replyTo: nil, originId: nil)
    try await other.end()
    #expect(juliet.scratch.openFiles() == [])
    try await juliet.client.setLifecycle(lifecycle: .foreground)
    #expect(try await waiting.value?.first?.text == "meanwhile")
    window.end()
    try await juliet.client.end()
  }

  private func count(of account: Account, in chat: String) async throws -> Int {
    var (count, before) = (0, String?.none)
    while true {
      let rows = try await account.timeline(chat: chat, before: before, limit: 200)
      if rows.isEmpty { return count }
      count += rows.count
      before = rows.last?.message
    }
  }
}
