import DunnockCore
import Foundation

/// An account in an open home.
public final class Session: Sendable {
  /// Its bare JID.
  public let address: String
  private let account: Account
  private let gate: Gate

  init(_ account: Account, _ gate: Gate) {
    (self.account, self.gate) = (account, gate)
    address = account.jid()
  }

  /// Runs a call of the core, now or once the app is back.
  private func asking<T>(_ call: () async throws -> T) async throws(Failure) -> T {
    await gate.enter()
    do {
      let answer = try await failing(call)
      await gate.leave()
      return answer
    } catch {
      await gate.leave()
      throw error
    }
  }

  /// Goes online and stays so. How far it is, and why it is refused, is told by ``connections()``.
  public func connect() async throws(Failure) {
    try await asking { try await account.connect() }
  }

  /// The same because a person says so: a password that the server refused is tried once more.
  public func connectAgain() async throws(Failure) {
    try await asking { try await account.connectAgain() }
  }

  /// What is remembered of the account's server, and what stands against it.
  public func server() async throws(Failure) -> Server {
    try await asking { try await account.server() }
  }

  /// Takes the server as it is, whatever stands against it; it is met anew by the next ``connect()``.
  public func acceptServer() async throws(Failure) {
    try await asking { try await account.acceptServer() }
  }

  /// Closes the stream and stays offline.
  public func disconnect() async throws(Failure) {
    try await asking { try await account.disconnect() }
  }

  /// Changes how the account reaches its server; it never falls back to another way.
  public func choose(_ route: Route) async throws(Failure) {
    try await asking { try await account.setRoute(route: route) }
  }

  /// The way that was chosen.
  public func route() async throws(Failure) -> Route {
    try await asking { try await account.route() }
  }

  /// Stores a text to be sent and answers at once with the row's id; its fate is told by ``timeline(of:limit:)``.
  @discardableResult
  public func send(_ text: String, to chat: String, answering: String? = nil) async throws(Failure) -> String {
    try await asking {
      try await account.send(to: chat, text: text, replyTo: answering, originId: nil).message
    }
  }

  /// All messages of a chat were read.
  public func markRead(_ chat: String) async throws(Failure) {
    try await asking { try await account.markRead(chat: chat) }
  }

  /// Allows or forbids plain text in a chat.
  public func allowPlain(_ allow: Bool, in chat: String) async throws(Failure) {
    try await asking { try await account.allowPlain(chat: chat, allow: allow) }
  }

  /// Names a person, on this device only; an empty name takes it away.
  public func name(_ address: String, _ name: String) async throws(Failure) {
    try await asking { try await account.contact(jid: address, change: .name(name)) }
  }

  /// Decides on a device's key: ``Trust/verified`` or ``Trust/distrusted``.
  public func decide(_ fingerprint: String, of owner: String, _ trust: Trust) async throws(Failure) {
    try await asking { try await account.decide(jid: owner, fingerprint: fingerprint, trust: trust) }
  }

  /// Rows of a chat before one of them, newest first; at most 200.
  public func rows(of chat: String, before: String?, limit: Int) async throws(Failure) -> [TimelineItem] {
    try await asking {
      try await account.timeline(chat: chat, before: before, limit: UInt32(clamping: limit))
    }
  }

  /// The chat list, newest first.
  public func chats() -> Snapshots<[ChatItem]> {
    let query = account.watchChats()
    return Snapshots(pull: { try await query.next() }, end: { query.end() })
  }

  /// The newest rows of a chat, newest first; at most 200.
  public func timeline(of chat: String, limit: Int) -> Snapshots<[TimelineItem]> {
    let query = account.watchTimeline(chat: chat, limit: UInt32(clamping: limit))
    return Snapshots(pull: { try await query.next() }, end: { query.end() })
  }

  /// The devices of a person, or of this account.
  public func devices(of owner: String) -> Snapshots<[DeviceView]> {
    let query = account.watchDevices(jid: owner)
    return Snapshots(pull: { try await query.next() }, end: { query.end() })
  }

  /// How the connection stands.
  public func connections() -> Snapshots<Connection> {
    let query = account.watchConnection()
    return Snapshots(pull: { try await query.next() }, end: { query.end() })
  }
  /// Is woken by pushes of this app server, and of no other; how far that is tells ``pushes()``. `token` is what Apple calls
  /// this device by, `device` what the app calls it.
  public func wake(by appServer: String, token: Data, device: String) async throws(Failure) {
    let token = token.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    let service = PushService(appServer: appServer, platform: .apns, token: token, device: device)
    try await asking { try await account.enablePush(service: service) }
  }

  /// How far the push is.
  public func pushes() -> Snapshots<Push> {
    let query = account.watchPush()
    return Snapshots(pull: { try await query.next() }, end: { query.end() })
  }
}
