import Bridge
import Observation

/// One device as the screen shows it.
public struct DeviceRow: Identifiable, Equatable, Sendable {
  /// The device's number.
  public let id: UInt32
  /// The fingerprint in groups of eight, to be compared by eye; nothing while the key is not known.
  public let fingerprint: String?
  /// What is thought of it.
  public let trust: Trust
  /// The same in words.
  public let trustWords: String
  /// Whether it is the device that this app runs on.
  public let isThis: Bool

  /// Whether a person may decide on it.
  public var canDecide: Bool { fingerprint != nil && !isThis }

  init(_ device: DeviceView) {
    id = device.device
    fingerprint = device.fingerprint.isEmpty ? nil : Self.grouped(device.fingerprint)
    trust = device.trust
    isThis = device.current
    trustWords = device.current ? "This device" : Words.trust(device.trust)
  }

  static func grouped(_ fingerprint: String) -> String {
    let plain = fingerprint.filter { !$0.isWhitespace }
    var groups: [Substring] = []
    var rest = plain[...]
    while !rest.isEmpty {
      groups.append(rest.prefix(8))
      rest = rest.dropFirst(8)
    }
    return groups.joined(separator: " ")
  }
}

/// The devices of a person, or of this account, and what is decided about them.
@MainActor @Observable
public final class DevicesModel {
  /// Whose devices.
  public let owner: String
  /// As the core orders them.
  public private(set) var rows: [DeviceRow] = []
  /// Why the last thing did not work; the screen puts it away.
  public var failure: Failure?

  private let session: Session

  init(_ session: Session, owner: String) {
    self.session = session
    self.owner = owner
  }

  /// The owner as the title.
  public var title: String { SafeText.name(owner) }

  /// Keeps the list as it is, until the task is cancelled.
  public func follow() async {
    do {
      for try await devices in session.devices(of: owner) { rows = devices.map(DeviceRow.init) }
    } catch {
      failure = error as? Failure ?? Failure(.internal)
    }
  }

  /// The person compared the fingerprint and it is right.
  public func verify(_ row: DeviceRow) async { await decide(row, .verified) }

  /// The person wants nothing sealed for this device.
  public func reject(_ row: DeviceRow) async { await decide(row, .distrusted) }

  private func decide(_ row: DeviceRow, _ trust: Trust) async {
    guard let fingerprint = row.fingerprint else { return }
    do {
      try await session.decide(fingerprint, of: owner, trust)
      failure = nil
    } catch {
      failure = error
    }
  }
}
