import Bridge
import Foundation
import Observation

/// Who wakes this device: an app server that whoever builds the app runs, and what this installation calls itself there.
public struct PushSetting: Equatable, Sendable {
  /// The JID of the app server.
  public let appServer: String
  /// Random and stable; no serial number of the device.
  public let device: String

  /// Nothing without an app server: then the app is not woken.
  public init?(appServer: String?, device: String) {
    guard let appServer, !appServer.isEmpty else { return nil }
    (self.appServer, self.device) = (appServer, device)
  }
}

/// The push of an account (XEP-0357): registered here, taken back by the core with the account.
@MainActor @Observable
public final class PushModel {
  /// How far it is, in words; nothing before that is known.
  public private(set) var words: String?
  /// Whether pushes come.
  public private(set) var isOn = false
  /// Why it is not further.
  public private(set) var failure: Failure?
  /// Whether there is an app server to register with.
  public var isWanted: Bool { setting != nil }

  private let session: Session
  private let setting: PushSetting?

  init(_ session: Session, _ setting: PushSetting?) {
    (self.session, self.setting) = (session, setting)
  }

  /// The system called this device by this token: the app server is told, and the account's server to push there.
  public func register(_ token: Data) async {
    guard let setting else { return }
    do {
      try await session.wake(by: setting.appServer, token: token, device: setting.device)
      failure = nil
    } catch {
      failure = error
    }
  }

  /// The person or the system allows no notifications.
  public func refused() {
    failure = Failure(.pushRefused, about: "this device")
  }

  /// Keeps it as it is, until the task is cancelled.
  public func follow() async {
    do {
      for try await push in session.pushes() {
        isOn = push.state == .enabled
        words = Words.push(push.state)
        if let code = push.error {
          failure = Failure(code: code, about: push.appServer ?? "")
        } else if push.state != .off {
          failure = nil
        }
      }
    } catch {
      failure = error as? Failure ?? Failure(.internal)
    }
  }
}
