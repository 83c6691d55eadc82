// Names and types of the part of UserNotifications that the app and its extension use, for the compiler on Linux.

open class UNNotificationContent: @unchecked Sendable {
  public init() {}
}

public final class UNMutableNotificationContent: UNNotificationContent, @unchecked Sendable {
  public var title = ""
  public var body = ""
  public var threadIdentifier = ""
}

public final class UNNotificationRequest: @unchecked Sendable {
  public let content = UNNotificationContent()
}

open class UNNotificationServiceExtension: @unchecked Sendable {
  public init() {}
  open func didReceive(
    _ request: UNNotificationRequest,
    withContentHandler contentHandler: @escaping (UNNotificationContent) -> Void
  ) {}
  open func serviceExtensionTimeWillExpire() {}
}

public struct UNAuthorizationOptions: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }
  public static let badge = UNAuthorizationOptions(rawValue: 1)
  public static let sound = UNAuthorizationOptions(rawValue: 2)
  public static let alert = UNAuthorizationOptions(rawValue: 4)
}

public final class UNUserNotificationCenter: @unchecked Sendable {
  private static let one = UNUserNotificationCenter()
  public class func current() -> UNUserNotificationCenter { one }
  public func requestAuthorization(options: UNAuthorizationOptions = []) async throws -> Bool { false }
}
