import DunnockCore
import Foundation
import TestStage
import Testing

/// The library's own switch, in builds for tests: whatever call comes next panics inside.
@_silgen_name("dunnock_test_panic_next") private func panicNext()

/// Run in a process of their own, because there the next call is theirs.
@Suite(.serialized) struct PanicTests {
  @Test func aPanicInACallIsAnErrorAndTheNextCallWorks() async throws {
    let scratch = Scratch()
    let client = try await openClient(home: scratch.path, key: key())
    panicNext()
    do {
      _ = try await client.accounts()
      Issue.record("it did not panic")
    } catch DunnockError.Failed(let kind, _, _) {
      #expect(kind == .crashed)
    }
    #expect(try await client.accounts().isEmpty)
    try await client.end()
  }

  @Test func aPanicInAWindowIsAnErrorOfThatWindowAlone() async throws {
    let scratch = Scratch()
    let client = try await openClient(home: scratch.path, key: key())
    let new = NewAccount(
      jid: "juliet@verona.test", password: "none", host: nil, port: nil, tls: .auto, ca: nil, route: .direct)
    let account = try await client.add(new: new)
    let window = account.watchChats()
    panicNext()
    do {
      _ = try await window.next()
      Issue.record("it did not panic")
    } catch DunnockError.Failed(let kind, _, _) {
      #expect(kind == .crashed)
    }
    let other = account.watchChats()
    #expect(try await other.next()?.isEmpty == true)
    other.end()
    try await client.end()
  }
}
