import Bridge

/// The words of the screens for what the core tells by codes. They are English until there are translations.
enum Words {
  static func seal(_ sealing: Sealing) -> String {
    switch sealing {
    case .none: "Plain text: the servers can read this"
    case .content: "Sealed"
    case .full: "Sealed with all that belongs to it"
    }
  }

  static func delivery(_ delivery: Delivery, _ reach: Reach?) -> String {
    switch delivery {
    case .waiting: "Waiting"
    case .sending: "Sending"
    case .sent: partly(reach).map { "Sent to \($0)" } ?? "Sent"
    case .failed: "Not sent"
    case .delivered: "Delivered"
    case .displayed: "Read"
    }
  }

  /// Says so where not every device of the other side was reached.
  private static func partly(_ reach: Reach?) -> String? {
    guard let reach, reach.reached < reach.known else { return nil }
    return "\(reach.reached) of \(reach.known) devices"
  }

  static func trust(_ trust: Trust) -> String {
    switch trust {
    case .undecided: "Waits for your decision"
    case .firstUse: "Trusted since it was first seen"
    case .vouched: "Vouched for by a verified device"
    case .verified: "Verified by you"
    case .distrusted: "Rejected by you"
    }
  }

  static func connection(_ state: ConnectionState) -> String {
    switch state {
    case .offline: "Offline"
    case .connecting: "Connecting…"
    case .online: "Online"
    case .refused: "Refused"
    case .contradiction: "This is not the server it was"
    }
  }

  /// What Tor is stuck at, by the code in its status.
  static func torBlocked(_ code: String) -> String {
    switch code {
    case "offline": "this device is offline"
    case "filtered": "this network lets nothing through to Tor"
    case "clock": "this device's clock is wrong"
    case "directory": "Tor's directory cannot be read"
    case "silent": "nothing moves"
    default: "Tor does not get on"
    }
  }

  static func push(_ state: PushState) -> String {
    switch state {
    case .off: "Nobody wakes this device"
    case .registering: "Asking the push service…"
    case .enabling: "Telling your server…"
    case .enabled: "Pushes wake this device"
    case .disabling: "Taking the push back…"
    }
  }

  /// Why a message cannot be read, by the code in its row.
  static func unreadable(_ reason: String) -> String {
    switch reason {
    case "no_session", "unknown_pre_key": "it was sealed for keys that this device no longer has"
    case "not_for_this_device": "it was not sealed for this device"
    case "key_changed": "its sender's key is not the one it was"
    case "too_many_skipped": "too many messages before it are missing"
    case "malformed": "it is not formed as it must be"
    case "forged": "it was altered on the way, or is not from who it claims"
    case "already_read": "it was read before and came again"
    case "oversized", "too_large": "it is too large"
    case "crashed": "this version stumbles over it; an update may read it"
    default: "of a reason that this version has no words for (\(SafeText.name(reason)))"
    }
  }
}
