import Bridge
import Foundation

/// What a notification shows.
public struct Notice: Equatable, Sendable {
  public let title: String
  public let body: String
  /// Notices of one chat are shown together.
  public let thread: String

  public init(title: String, body: String, thread: String) {
    self.title = title
    self.body = body
    self.thread = thread
  }

  /// Says nothing of what or who: for when nothing could be fetched in time, or opened at all.
  public static let fallback = Notice(title: "Dunnock", body: "There may be new messages.", thread: "")
}

/// What a push sets off: the accounts catch up, what is new is told, and the home is closed again.
public struct Wake: Sendable {
  private let folder: URL
  private let keys: any KeyStore

  public init(home folder: URL, keys: any KeyStore) {
    self.folder = folder
    self.keys = keys
  }

  /// The system gives an extension about 30 seconds; some of them are needed to close.
  public func notice(within limit: Duration = .seconds(20)) async -> Notice {
    // Never a new key: who has none has no home either.
    guard let key = try? keys.stored(), let home = try? await Home.open(folder: folder.path, key: key) else {
      return .fallback
    }
    let sync = try? await home.sync(within: limit)
    if sync != nil { try? await home.shown() }
    // A file that is open when the extension is frozen would cost it its life.
    try? await home.end()
    return Self.told(sync?.news ?? [])
  }

  static func told(_ news: [News]) -> Notice {
    guard let last = news.last else { return .fallback }
    let chats = Set(news.map(\.item.chat))
    if chats.count > 1 {
      return Notice(title: "Dunnock", body: "\(news.count) new messages in \(chats.count) chats", thread: "")
    }
    let body = last.item.text.map(SafeText.preview) ?? "A message that cannot be read"
    return Notice(
      title: SafeText.name(last.name ?? last.item.chat), body: news.count == 1 ? body : "\(news.count): \(body)",
      thread: last.item.chat)
  }
}
