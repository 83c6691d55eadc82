// Names and types of the part of UserNotifications that the extension uses, for the compiler on Linux.

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
