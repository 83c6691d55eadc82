import Foundation
import Models
import Platform
import UserNotifications

/// Woken by a push, which says nothing but that there may be something: fetches it, and shows what it was.
final class NotificationService: UNNotificationServiceExtension, @unchecked Sendable {
  private let lock = NSLock()
  private var answer: Answer?
  private var work: Task<Void, Never>?

  override func didReceive(
    _ request: UNNotificationRequest,
    withContentHandler contentHandler: @escaping (UNNotificationContent) -> Void
  ) {
    let answer = Answer(contentHandler)
    let work = Task { answer.give(await Wake(home: Place.home(), keys: Keys.ofThisDevice()).notice()) }
    lock.withLock { (self.answer, self.work) = (answer, work) }
  }

  /// The system's patience is at its end: what is committed stays, the rest comes with the next push or the app.
  override func serviceExtensionTimeWillExpire() {
    let (answer, work) = lock.withLock { (self.answer, self.work) }
    work?.cancel()
    answer?.give(.fallback)
  }
}

/// Hands the notification over once, whoever comes first.
final class Answer: @unchecked Sendable {
  private let lock = NSLock()
  private var handler: ((UNNotificationContent) -> Void)?

  init(_ handler: @escaping (UNNotificationContent) -> Void) {
    self.handler = handler
  }

  func give(_ notice: Notice) {
    let handler = lock.withLock {
      defer { self.handler = nil }
      return self.handler
    }
    let content = UNMutableNotificationContent()
    content.title = notice.title
    content.body = notice.body
    content.threadIdentifier = notice.thread
    handler?(content)
  }
}
