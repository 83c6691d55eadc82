import Bridge
import Foundation
import Observation

/// One chat: what was said, and saying something.
@MainActor @Observable
public final class ChatModel {
  /// The other side's address.
  public let chat: String
  /// Oldest first.
  public private(set) var bubbles: [Bubble] = []
  /// What is being written.
  public var draft = ""
  /// Why the last thing did not work; the screen puts it away.
  public var failure: Failure?
  /// Whether plain text was allowed on this screen.
  public private(set) var isPlainAllowed = false
  /// Whether there may be rows before the first one.
  public private(set) var hasOlder = false

  private let session: Session
  private var newest: [TimelineItem] = []
  private var older: [TimelineItem] = []
  private var whole: Set<String> = []
  private static let window = 200

  init(_ session: Session, chat: String) {
    self.session = session
    self.chat = chat
  }

  /// The other side as the title.
  public var title: String { SafeText.name(chat) }

  /// Keeps the rows as they are, until the task is cancelled. What is seen counts as read.
  public func follow() async {
    do {
      for try await rows in session.timeline(of: chat, limit: Self.window) {
        take(rows)
        if rows.contains(where: { !$0.own }) { try await session.markRead(chat) }
      }
    } catch {
      note(error)
    }
  }

  /// Sends what was written. The text stays in the field if it cannot be stored.
  public func send() async {
    let text = draft
    guard !text.allSatisfy(\.isWhitespace) else { return }
    draft = ""
    await trying {
      do {
        try await session.send(text, to: chat)
      } catch {
        if draft.isEmpty { draft = text }
        throw error
      }
    }
  }

  /// Sends the text of a failed row once more, as a new one.
  public func sendAgain(_ bubble: Bubble) async {
    guard let text = row(bubble.id)?.text else { return }
    await trying { try await session.send(text, to: chat) }
  }

  /// Lets this chat go on in plain text, and sends what failed for want of that as a new row.
  public func allowPlain(for bubble: Bubble? = nil) async {
    await trying {
      try await session.allowPlain(true, in: chat)
      isPlainAllowed = true
      if let text = bubble.flatMap({ row($0.id)?.text }) { try await session.send(text, to: chat) }
    }
  }

  /// Whether the last thing failed only because plain text is not allowed here.
  public var wantsPlain: Bool { failure?.kind == .plainNotAllowed }

  /// Shows all of a long text.
  public func showWhole(_ bubble: Bubble) {
    whole.insert(bubble.id)
    arrange()
  }

  /// Reads rows from before the first one.
  public func loadOlder() async {
    let first = (older.last ?? newest.last)?.message
    await trying {
      let rows = try await session.rows(of: chat, before: first, limit: Self.window)
      older += rows
      hasOlder = rows.count == Self.window
      arrange()
    }
  }

  private func take(_ rows: [TimelineItem]) {
    // Rows that a full window pushes out belong to the older ones now.
    if !older.isEmpty {
      let present = Set(rows.map(\.message))
      older = newest.filter { !present.contains($0.message) } + older
    } else {
      hasOlder = rows.count == Self.window
    }
    newest = rows
    arrange()
  }

  private func arrange() {
    bubbles = Bubble.all(newest + older, whole: whole)
  }

  private func row(_ id: String) -> TimelineItem? {
    (newest + older).first { $0.message == id }
  }

  private func trying(_ work: () async throws -> Void) async {
    do {
      try await work()
      failure = nil
    } catch {
      note(error)
    }
  }

  private func note(_ error: any Error) {
    failure = error as? Failure ?? Failure(.internal)
  }
}
