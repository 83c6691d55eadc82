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
  @Test func aPushForSomebodyUnknownAndASyncWithoutTimeDoNothing() async throws {
    let juliet = try await Person.online("juliet")
    try await juliet.client.setLifecycle(lifecycle: .suspended)
    do {
      _ = try await juliet.client.accountOfPush(node: "node-of-nobody")
      Issue.record("nobody has this node")
    } catch DunnockError.Failed(let kind, let subject, _) {
      #expect(kind == .noAccount && subject == "node-of-nobody")
    }
    let report = try await juliet.client.backgroundSync(deadlineMs: 0)
    #expect(!report.caughtUp && report.notifications.isEmpty)
    #expect(juliet.scratch.openFiles() == [] && juliet.scratch.locks() == 0)
    await #expect(throws: DunnockError.self) {
      try await juliet.client.backgroundSyncOf(account: "nobody@verona.test", deadlineMs: 0)
    }
    try await juliet.client.end()
  }
}

/// What another process does with a home that is open here.
@Suite(.timeLimit(.minutes(3))) struct SecondProcessTests {
  private static let place = "DUNNOCK_SECOND_HOME"

  @Test func anotherProcessSendsThroughTheOneThatIsOnline() async throws {
    let (juliet, romeo) = (try await Person.online("juliet"), try await Person.online("romeo"))
    let other = Process()
    other.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
    other.arguments = ["--testing-library", "swift-testing", "--filter", "whatTheOtherProcessDoes"]
    other.environment = ProcessInfo.processInfo.environment.merging(
      [Self.place: "\(juliet.scratch.path) \(juliet.address) \(romeo.address)"], uniquingKeysWith: { $1 })
    other.standardOutput = FileHandle.nullDevice
    try other.run()
    try await romeo.sees(juliet.address) { $0.text == "from another process" }
    try await juliet.sees(romeo.address) { $0.text == "from another process" }
    other.waitUntilExit()
    #expect(other.terminationStatus == 0)
    try await juliet.client.end()
    try await romeo.client.end()
  }

  /// Does nothing but in the process that the test above starts.
  @Test func whatTheOtherProcessDoes() async throws {
    guard let words = ProcessInfo.processInfo.environment[Self.place]?.split(separator: " ").map(String.init),
      words.count == 3
    else { return }
    let client = try await openClient(home: words[0], key: key())
    let account = try await client.account(jid: words[1])
    _ = try await account.send(to: words[2], text: "from another process", replyTo: nil, originId: nil)
    try await client.end()
  }
}
