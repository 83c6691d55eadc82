import DunnockCore
import Foundation
import TestStage
import Testing

@Suite(.timeLimit(.minutes(3))) struct BorderTests {
  @Test func anotherKeyOpensNothingAndTheRightOneStillDoes() async throws {
    let scratch = Scratch()
    let client = try await openClient(home: scratch.path, key: key())
    let address = Stage.here.newAddress("juliet")
    _ = try await client.add(new: Stage.here.account(address))
    try await client.end()
    await #expect(throws: DunnockError.self) { try await openClient(home: scratch.path, key: key(8)) }
    await #expect(throws: DunnockError.self) { try await openClient(home: scratch.path, key: Data([1, 2, 3])) }
    let again = try await openClient(home: scratch.path, key: key())
    #expect(try await again.accounts().map { $0.jid() } == [address])
    try await again.end()
  }

  @Test func aFailureNamesItsKindAndWhatToDo() async throws {
    let scratch = Scratch()
    let client = try await openClient(home: scratch.path, key: key())
    do {
      _ = try await client.account(jid: "nobody@verona.test")
      Issue.record("there is no such account")
    } catch DunnockError.Failed(let kind, let subject, let remedy) {
      #expect(kind == .noAccount && subject == "nobody@verona.test" && remedy == errorRemedy(kind: .noAccount))
    }
    try await client.end()
  }

  @Test func everyKindHasACodeACauseAndARemedy() {
    let codes = ErrorKind.allCases.map { errorCode(kind: $0) }
    #expect(Set(codes).count == codes.count && codes.count > 40)
    #expect(ErrorKind.allCases.allSatisfy { !errorCause(kind: $0).isEmpty && !errorRemedy(kind: $0).isEmpty })
  }
}
