import DunnockCore
import TestStage
import Testing

@Suite(.timeLimit(.minutes(3))) struct TalkTests {
  @Test func whatOneSaysTheOtherReadsSealedWithAllThatBelongsToIt() async throws {
    let juliet = try await Person.online("juliet")
    let romeo = try await Person.online("romeo")
    for text in ["Shall I hear more?", "Or shall I speak at this?", "‮mirrored 😀\nlines"] {
      let row = try await juliet.tells(romeo, text)
      #expect(row.sealed == .full && !row.own && row.from == juliet.address)
      let answer = try await romeo.tells(juliet, "You said: \(text)")
      #expect(answer.sealed == .full)
    }
    // The receipt is what the other device said: it has it.
    let mine = try await juliet.sees(romeo.address) { $0.own && ($0.state ?? .waiting) >= .delivered }
    #expect(mine.devices == Reach(reached: 1, known: 1))
    try await juliet.client.end()
    try await romeo.client.end()
  }

  @Test func whatIsSentWithOneOriginIdTwiceIsOneMessage() async throws {
    let juliet = try await Person.online("juliet")
    let to = Stage.here.newAddress("nobody")
    let one = try await juliet.account.send(to: to, text: "once", replyTo: nil, originId: "the-same")
    let two = try await juliet.account.send(to: to, text: "once", replyTo: nil, originId: "the-same")
    #expect(one == two && one.originId == "the-same")
    #expect(try await juliet.account.timeline(chat: to, before: nil, limit: 10).count == 1)
    try await juliet.client.end()
  }

  @Test func aWrongPasswordIsTriedOnceAndRefused() async throws {
    let scratch = Scratch()
    let client = try await openClient(home: scratch.path, key: key())
    let address = Stage.here.newAddress("juliet")
    _ = try await client.register(new: Stage.here.account(address))
    try await client.remove(jid: address)
    let account = try await client.add(new: Stage.here.account(address, password: "guessed"))
    try await account.connect()
    let refused = try await first(of: account.watchConnection()) { $0.state == .refused }
    #expect(refused.error == errorCode(kind: .wrongPassword))
    try await client.end()
  }

  @Test func aMegabyteIsRefusedAndTheLongestTextArrives() async throws {
    let juliet = try await Person.online("juliet")
    let romeo = try await Person.online("romeo")
    let block = String(repeating: "0123456789abcdef", count: 64)
    let megabyte = String(repeating: block, count: 1_024)
    await #expect(throws: DunnockError.self) {
      try await juliet.account.send(to: romeo.address, text: megabyte, replyTo: nil, originId: nil)
    }
    #expect(try await juliet.account.timeline(chat: romeo.address, before: nil, limit: 10).isEmpty)
    let longest = String(repeating: block, count: 96)
    try await juliet.tells(romeo, longest)
    try await juliet.tells(romeo, "after it")
    try await juliet.client.end()
    try await romeo.client.end()
  }
}

extension Delivery: @retroactive Comparable {
  /// In the order in which a message climbs.
  public static func < (one: Delivery, other: Delivery) -> Bool {
    let order: [Delivery] = [.waiting, .sending, .sent, .failed, .delivered, .displayed]
    return order.firstIndex(of: one) ?? 0 < order.firstIndex(of: other) ?? 0
  }
}

@Suite(.timeLimit(.minutes(3))) struct OtherClientTests {
  @Test(arguments: [("0.3", Sealing.content), ("2", Sealing.full)])
  func clientsOfEitherVersionTalkWithUs(version: String, sealing: Sealing) async throws {
    let user = "romeo\(version.filter(\.isNumber))x\(UInt32.random(in: 0...UInt32.max))"
    let romeo = try await Peers.here.start(user, version: version)
    let juliet = try await Person.online("juliet")
    for round in 1...3 {
      let (ours, theirs) = ("ours \(round) to \(user)", "theirs \(round) from \(user)")
      _ = try await juliet.account.send(to: romeo, text: ours, replyTo: nil, originId: nil)
      #expect(try await Peers.here.sees(user, ours) == version)
      try await Peers.here.says(user, to: juliet.address, theirs)
      let row = try await juliet.sees(romeo) { $0.text == theirs }
      #expect(row.sealed == sealing)
      #expect(try await Peers.here.neverSent(ours))
      #expect(try await Peers.here.neverSent(theirs))
    }
    try await juliet.client.end()
  }
}
