import Bridge
import Observation

/// How Tor stands, as a line of the screen.
public struct TorLine: Equatable, Sendable {
  /// In a few words.
  public let words: String
  /// How far its start is, 0 to 1; nothing once it is ready.
  public let progress: Double?
  /// Why it gets no further, and what to do.
  public let blocked: Failure?

  /// Nothing while nobody needs Tor.
  public init?(_ status: TorStatus) {
    switch status.state {
    case .off: return nil
    case .starting:
      words = "Tor starts: \(status.percent) %"
      progress = Double(status.percent) / 100
    case .ready:
      words = "Over Tor"
      progress = nil
    }
    blocked = status.blocked.map { Failure(.torUnreachable, about: Words.torBlocked($0)) }
  }
}

/// Tor inside of this app, which all accounts share.
@MainActor @Observable
public final class TorModel {
  /// Nothing while nobody needs Tor.
  public private(set) var line: TorLine?

  private let home: Home

  init(_ home: Home) {
    self.home = home
  }

  /// Keeps the line as Tor stands, until the task is cancelled.
  public func follow() async {
    // It can only end with the home, and then nobody looks.
    do { for try await status in home.tor() { line = TorLine(status) } } catch {}
  }
}
