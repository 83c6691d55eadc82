import DunnockCore
import Foundation

/// Somebody with an account of their own, online, on a device of their own.
public final class Person: Sendable {
  public let client: Client
  public let account: Account
  public let address: String
  public let scratch: Scratch

  private init(_ client: Client, _ account: Account, _ scratch: Scratch) {
    (self.client, self.account, self.scratch) = (client, account, scratch)
    address = account.jid()
  }

  /// Makes the account and waits until it is online.
  public static func online(_ name: String) async throws -> Person {
    let scratch = Scratch()
    let client = try await openClient(home: scratch.path, key: key())
    let account = try await client.register(new: Stage.here.account(Stage.here.newAddress(name)))
    try await account.connect()
    try await first(of: account.watchConnection()) { $0.state == .online }
    return Person(client, account, scratch)
  }

  /// Waits for a row of the chat with somebody.
  @discardableResult
  public func sees(
    _ chat: String, _ fits: @escaping @Sendable (TimelineItem) -> Bool
  ) async throws -> TimelineItem {
    let query = account.watchTimeline(chat: chat, limit: 200)
    let rows = try await first(of: query) { $0.contains(where: fits) }
    guard let row = rows.first(where: fits) else { throw Missing() }
    return row
  }

  /// Says something, and waits until somebody has read it; the row as they see it.
  @discardableResult
  public func tells(_ other: Person, _ text: String) async throws -> TimelineItem {
    _ = try await account.send(to: other.address, text: text, replyTo: nil, originId: nil)
    return try await other.sees(address) { $0.text == text }
  }
}

/// What was waited for did not come before the window's end.
public struct Missing: Error {
  public init() {}
}

/// A window of the core, whichever it shows.
public protocol Window: Sendable {
  associatedtype Shown: Sendable
  func next() async throws -> Shown?
  func end()
}

extension ChatsQuery: Window {}
extension TimelineQuery: Window {}
extension ContactsQuery: Window {}
extension DevicesQuery: Window {}
extension ConnectionQuery: Window {}

/// The first state that fits, then the window is ended. It is waited for until the run's own limit.
@discardableResult
public func first<W: Window>(of window: W, _ fits: (W.Shown) -> Bool) async throws -> W.Shown {
  defer { window.end() }
  while let shown = try await window.next() {
    if fits(shown) { return shown }
  }
  throw Missing()
}
