import Foundation

/// Text of others, made fit for a line of ours: it cannot turn the line around, break it, or fill the screen.
public enum SafeText {
  /// Names are cut after so many characters.
  static let longestName = 80
  /// Texts of messages are cut after so many characters; the rest is shown when it is asked for.
  static let longestText = 4_000

  /// A name within a line of ours. Marks that turn the direction of writing are taken out: with them
  /// "‮ten.live" reads as another address than it is.
  public static func name(_ name: String) -> String {
    let kept = name.unicodeScalars.filter { !isControl($0) && !turnsDirection($0) }
    var text = String(String.UnicodeScalarView(kept))
    text = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let cut = cut(text, to: longestName)
    return isolated(cut.text + (cut.isCut ? "…" : ""))
  }

  /// The text of a message in a bubble of its own: its direction is its own business, but ends with it.
  public static func body(_ body: String, whole: Bool) -> (text: String, isCut: Bool) {
    let kept = body.unicodeScalars.filter { !isControl($0) || $0 == "\n" || $0 == "\t" }
    let text = String(String.UnicodeScalarView(kept))
    return whole ? (text, false) : cut(text, to: longestText)
  }

  /// The beginning of a text on one line.
  public static func preview(_ body: String) -> String { name(body) }

  /// What is written from right to left turns only itself (UAX #9, first strong isolate).
  private static func isolated(_ text: String) -> String {
    text.unicodeScalars.contains(where: isRightToLeft) ? "\u{2068}\(text)\u{2069}" : text
  }

  /// The blocks of writings that run from right to left.
  private static func isRightToLeft(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x590...0x8FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFF, 0x10800...0x10FFF, 0x1E800...0x1EFFF: true
    default: false
    }
  }

  /// At most so many characters and eight times as many bytes: one character can be made of a million marks.
  private static func cut(_ text: String, to limit: Int) -> (text: String, isCut: Bool) {
    guard text.utf8.count > limit else { return (text, false) }
    var kept = String(decoding: text.utf8.prefix(limit * 8), as: UTF8.self)
    if kept.utf8.count < text.utf8.count, kept.last == "\u{FFFD}" { kept.removeLast() }
    let short = String(kept.prefix(limit))
    return (short, short.utf8.count < text.utf8.count)
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control
      && !(scalar == "\n" || scalar == "\t" || scalar == "\r") || scalar == "\r"
  }

  /// Embeddings, overrides, isolates and marks (UAX #9).
  private static func turnsDirection(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
