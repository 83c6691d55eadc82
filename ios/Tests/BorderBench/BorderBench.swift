import DunnockCore
import Foundation

/// What the border to Swift costs, for `cargo xtask bench border`. Writes a line for each figure into the file that
/// `DUNNOCK_BORDER_SWIFT` names: its name, and milliseconds.
@main struct BorderBench {
  static let rows: UInt32 = 200
  static let runs = 50
  static let chat = "romeo@verona.test"

  static func main() async throws { try await measure() }

  /// Away from the main actor, as the core's answers arrive.
  nonisolated static func measure() async throws {
    guard let out = ProcessInfo.processInfo.environment["DUNNOCK_BORDER_SWIFT"] else {
      fatalError("started by cargo xtask bench border")
    }
    let home = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: home) }
    let client = try await openClient(home: home.path, key: Data(repeating: 7, count: 32))
    let account = try await client.add(
      new: NewAccount(
        jid: "juliet@verona.test", password: "secret", host: nil, port: nil, tls: .auto, ca: nil, route: .direct))
    for number in 0..<rows {
      let text = "\(number): O, speak again, bright angel! for thou art as glorious to this night"
      _ = try await account.send(to: chat, text: text, replyTo: nil, originId: nil)
    }
    let call = try await measured { _ = account.jid() }
    let snapshot = try await measured {
      let read = try await account.timeline(chat: chat, before: nil, limit: rows)
      precondition(read.count == Int(rows))
    }
    let bubble = try await bubbles(account)
    try await client.end()
    let lines = [("call", call), ("snapshot", snapshot), ("bubble", bubble)].map { name, runs in
      "\(name) \(runs.map { "\($0)" }.joined(separator: " "))\n"
    }
    try lines.joined().write(toFile: out, atomically: true, encoding: .utf8)
  }

  static func measured(_ work: () async throws -> Void) async throws -> [Double] {
    var all: [Double] = []
    for _ in 0..<runs { all.append(try await timed(work)) }
    return all
  }

  static func timed(_ work: () async throws -> Void) async throws -> Double {
    let time = try await ContinuousClock().measure { try await work() }
    return time / .milliseconds(1)
  }

  /// From the tap, in one task, to the window that holds its row, in another.
  static func bubbles(_ account: Account) async throws -> [Double] {
    let window = account.watchTimeline(chat: chat, limit: rows)
    defer { window.end() }
    _ = try await window.next()
    var all: [Double] = []
    for number in 0..<runs {
      // Windows are at most 20 a second: a tap after a pause finds none under way.
      try await Task.sleep(for: .milliseconds(60))
      let text = "bubble \(number)"
      all.append(
        try await timed {
          async let drawn: Void = drawn(text, in: window)
          _ = try await account.send(to: chat, text: text, replyTo: nil, originId: nil)
          try await drawn
        })
    }
    return all
  }

  static func drawn(_ text: String, in window: TimelineQuery) async throws {
    while let rows = try await window.next(), rows.first?.text != text {}
  }
}
