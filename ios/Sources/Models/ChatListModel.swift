import Bridge
import Foundation
import Observation

/// One line of the chat list as the screen shows it.
public struct ChatRow: Identifiable, Equatable, Sendable {
  /// The other side's address.
  public let id: String
  /// Their name, or else their address.
  public let title: String
  /// The beginning of the newest message, or that they type.
  public let preview: String
  /// How many messages are not read.
  public let unread: Int
  /// When the newest message was sent.
  public let time: Date?
  /// How the next message is sealed.
  public let sealing: Sealing
  /// The same in words.
  public let sealWords: String

  init(_ item: ChatItem) {
    id = item.chat
    title = SafeText.name(item.name ?? item.chat)
    preview = Self.preview(item)
    unread = Int(item.unread)
    time = item.last.map { Date(timeIntervalSince1970: Double($0.time) / 1_000) }
    sealing = item.sealed
    sealWords = Words.seal(item.sealed)
  }

  private static func preview(_ item: ChatItem) -> String {
    if item.typing { return "Writing…" }
    guard let last = item.last else { return "" }
    guard let text = last.text else { return "A message that cannot be read" }
    return (last.own ? "You: " : "") + SafeText.preview(text)
  }

  /// All that an ear needs.
  public var spoken: String {
    let count = unread == 0 ? nil : "\(unread) not read"
    return [title, count, preview, sealWords].compactMap { $0 }.joined(separator: ". ")
  }
}

/// The line above the chats: how the connection stands.
public struct ConnectionLine: Equatable, Sendable {
  /// In a word or two.
  public let words: String
  /// Why it is not as it should be.
  public let failure: Failure?
  /// Whether messages go out now.
  public let isOnline: Bool

  init(_ connection: Connection, address: String) {
    words =
      connection.state == .online && !connection.caughtUp && connection.archive == true
      ? "Catching up…" : Words.connection(connection.state)
    failure = connection.error.map { Failure(code: $0, about: address) }
    isOnline = connection.state == .online
  }
}

/// The chats of an account.
@MainActor @Observable
public final class ChatListModel {
  /// Whose.
  public var address: String { session.address }
  /// Newest first.
  public private(set) var rows: [ChatRow] = []
  /// Nothing before the first state came.
  public private(set) var connection: ConnectionLine?
  /// What stands against the server, if something does.
  public private(set) var doubt: Doubt?
  /// Whether a person may try again what the server refused.
  public private(set) var isRefused = false
  /// Why the list cannot be shown.
  public private(set) var failure: Failure?

  /// By which way the server is reached.
  public let route: RouteModel
  /// How Tor stands, if it is the way.
  public let tor: TorModel
  /// How this device is woken.
  public let push: PushModel

  private let session: Session

  init(_ session: Session, tor: TorModel, push: PushModel) {
    self.session = session
    route = RouteModel(session)
    self.tor = tor
    self.push = push
  }

  /// Keeps the list and the connection as they are, until the task is cancelled.
  public func follow() async {
    async let chats: Void = followChats()
    async let connection: Void = followConnection()
    async let route: Void = route.load()
    async let tor: Void = tor.follow()
    async let push: Void = push.follow()
    _ = await (chats, connection, route, tor, push)
  }

  /// Goes online because a person says so, after a refusal for example.
  public func connectAgain() async {
    do { try await session.connectAgain() } catch { failure = error }
  }

  /// Takes the server as it is and meets it anew; for who has read the ``doubt``.
  public func acceptServer() async {
    do {
      try await session.acceptServer()
      try await session.connect()
    } catch {
      failure = error
    }
  }

  /// The chat with an address.
  public func chat(with address: String) -> ChatModel {
    ChatModel(session, chat: address)
  }

  /// The devices of an address.
  public func devices(of owner: String) -> DevicesModel {
    DevicesModel(session, owner: owner)
  }

  /// Names a person, on this device only.
  public func name(_ address: String, _ name: String) async {
    do { try await session.name(address, name) } catch { failure = error }
  }

  private func followChats() async {
    do {
      for try await chats in session.chats() { rows = chats.map(ChatRow.init) }
    } catch {
      failure = error as? Failure ?? Failure(.internal)
    }
  }

  private func followConnection() async {
    do {
      for try await state in session.connections() {
        connection = ConnectionLine(state, address: session.address)
        isRefused = state.state == .refused
        doubt = state.state == .contradiction ? Doubt(try await session.server()) : nil
      }
    } catch {
      failure = error as? Failure ?? Failure(.internal)
    }
  }
}
