import Bridge
import Foundation

/// What stands against the account's server, in words to be read before anybody accepts it.
public struct Doubt: Equatable, Sendable {
  /// Since when nothing is sent there.
  public let since: Date
  /// What was missing or wrong.
  public let why: String?
  /// The keys that it showed before and then, a line each.
  public let keys: String

  /// Nothing if nothing stands against it.
  init?(_ server: Server) {
    guard let since = server.contradiction else { return nil }
    self.since = Date(timeIntervalSince1970: Double(since) / 1_000)
    let change = server.changes.first { $0.kind == .contradiction }
    why = change?.because.map { Failure(code: $0).cause }
    keys = [("Known so far", change?.before), ("Shown now", change?.after)].compactMap { name, key in
      key.map { "\(name): key \($0.key), signed by \(SafeText.name($0.issuer))" }
    }.joined(separator: "\n")
  }
}
