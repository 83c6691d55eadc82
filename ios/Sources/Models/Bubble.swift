import Bridge
import Foundation

/// One row of a chat as the screen shows it.
public struct Bubble: Identifiable, Equatable, Sendable {
  /// What is in it.
  public enum Content: Equatable, Sendable {
    /// A text; `isCut` says that only its beginning is here.
    case text(String, isCut: Bool)
    /// It cannot be read, for this reason.
    case unreadable(String)
  }

  /// What became of it, if it is ours.
  public struct Fate: Equatable, Sendable {
    /// How far it came.
    public let delivery: Delivery
    /// The same in words.
    public let words: String
    /// Why it failed or waits, and what to do.
    public let failure: Failure?
  }

  /// The row's local id.
  public let id: String
  /// Whether it is ours.
  public let own: Bool
  /// The text, or why there is none.
  public let content: Content
  /// When it was sent.
  public let time: Date
  /// How it was sealed; nothing while it has not left this device.
  public let sealing: Sealing?
  /// The same in words.
  public let sealWords: String?
  /// The beginning of what it answers, if that is in the window.
  public let quote: String?
  /// What became of it, if it is ours.
  public let fate: Fate?

  /// Sending it again can help.
  public var canSendAgain: Bool { fate?.delivery == .failed }
  /// It waits for nothing but the permission to go in plain text.
  public var wantsPlain: Bool { fate?.failure?.kind == .plainNotAllowed }

  /// All that an ear needs.
  public var spoken: String {
    let who = own ? "You" : "They"
    let what =
      switch content {
      case .text(let text, _): "\(who): \(text)"
      case .unreadable(let reason): "A message that cannot be read: \(reason)"
      }
    let rest = [fate?.words, sealWords, fate?.failure.map { "\($0.cause). \($0.remedy)" }]
    return ([what] + rest.compactMap { $0 }).joined(separator: ". ")
  }

  init(_ item: TimelineItem, answering: TimelineItem? = nil, whole: Bool = false) {
    id = item.message
    own = item.own
    if let text = item.text {
      let body = SafeText.body(text, whole: whole)
      content = .text(body.text, isCut: body.isCut)
    } else {
      content = .unreadable(Words.unreadable(item.reason ?? "malformed"))
    }
    time = Date(timeIntervalSince1970: Double(item.time) / 1_000)
    let isHere = item.sealed == .none && (item.state == .waiting || item.state == .failed)
    sealing = isHere ? nil : item.sealed
    sealWords = sealing.map(Words.seal)
    quote = answering?.text.map(SafeText.preview)
    fate = item.state.map { state in
      Fate(
        delivery: state, words: Words.delivery(state, item.devices),
        failure: item.error.map { Failure(code: $0) })
    }
  }

  /// Rows come newest first, a screen reads from the top; `whole` names those whose long text was asked for.
  static func all(_ rows: [TimelineItem], whole: Set<String>) -> [Bubble] {
    let known = Dictionary(rows.map { ($0.message, $0) }, uniquingKeysWith: { first, _ in first })
    return rows.reversed().map { row in
      Bubble(row, answering: row.replyTo.flatMap { known[$0] }, whole: whole.contains(row.message))
    }
  }
}
