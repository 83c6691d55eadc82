import DunnockCore
import Foundation

/// The folder with all accounts, open.
public final class Home: Sendable {
  private let client: Client
  private let gate = Gate()

  private init(_ client: Client) { self.client = client }

  /// Opens the folder, or makes it; `key` are the 32 bytes that all in it is sealed with.
  public static func open(folder: String, key: StoreKey) async throws(Failure) -> Home {
    try await failing { Home(try await openClient(home: folder, key: key.bytes)) }
  }

  /// The accounts that can be opened, in the order of adding.
  public func sessions() async throws(Failure) -> [Session] {
    try await failing { try await client.accounts().map { Session($0, gate) } }
  }

  /// The first account that cannot be opened, as its failure, if there is one.
  public func damage() async throws(Failure) -> Failure? {
    try await failing { try await client.damaged().first.map { Failure($0.kind, about: $0.folder) } }
  }

  /// Stores an account, offline. With `making` it is made on its server first.
  public func add(_ new: NewSession, making: Bool) async throws(Failure) -> Session {
    let account = new.account
    return try await failing {
      Session(making ? try await client.register(new: account) : try await client.add(new: account), gate)
    }
  }

  /// Disconnects an account and wipes it from this device.
  public func remove(_ session: Session) async throws(Failure) {
    try await failing { try await client.remove(jid: session.address) }
  }

  /// Moves all accounts to another state of life, and returns when that is done: after ``Lifecycle/suspended`` no file of
  /// the home is open or locked, and calls of sessions wait until another state comes.
  public func move(to lifecycle: Lifecycle) async throws(Failure) {
    if lifecycle == .suspended { await gate.close() } else { await gate.open() }
    try await failing { try await client.setLifecycle(lifecycle: lifecycle) }
  }

  /// This device is on another network, or on one again.
  public func networkChanged() async throws(Failure) {
    try await failing { try await client.networkChanged() }
  }

  /// How Tor inside of this app stands.
  public func tor() -> Snapshots<TorStatus> {
    let query = client.watchTor()
    return Snapshots(pull: { try await query.next() }, end: { query.end() })
  }

  /// Closes all; afterwards everything that came from this home answers with ``ErrorKind/ended``.
  public func end() async throws(Failure) {
    await gate.open()
    try await failing { try await client.end() }
  }
}

/// The 32 bytes that a home is sealed with.
public struct StoreKey: Sendable {
  /// As the core takes them.
  public let bytes: Data

  /// Nothing if there are not 32 of them.
  public init?(_ bytes: some Sequence<UInt8>) {
    self.bytes = Data(bytes)
    if self.bytes.count != 32 { return nil }
  }
}

/// What signing in needs.
public struct NewSession: Sendable {
  /// The address, a bare JID.
  public var address: String
  /// The password; without one, an account that is made gets a generated one.
  public var password: String?
  /// How the server is reached.
  public var route: Route
  /// Another host than DNS says.
  public var host: String?
  /// Another port than DNS says.
  public var port: UInt16?
  /// PEM text of the only authorities to trust, for servers of one's own.
  public var authorities: String?

  public init(address: String, password: String?, route: Route) {
    self.address = address
    self.password = password
    self.route = route
  }

  var account: NewAccount {
    NewAccount(
      jid: address, password: password, host: host, port: port, tls: .auto, ca: authorities, route: route)
  }
}

/// What a moment of being awake brought.
public struct Sync: Sendable {
  /// Whether all that the servers had is here.
  public let caughtUp: Bool
  /// What somebody is to be told, oldest first.
  public let news: [News]
}

extension Home {
  /// Woken for a moment: every account that a person wants online catches up and lets go again, without a goodbye.
  public func sync(within limit: Duration) async throws(Failure) -> Sync {
    let milliseconds = UInt64(max(0, limit / .milliseconds(1)))
    let report = try await failing { try await client.backgroundSync(deadlineMs: milliseconds) }
    return Sync(caughtUp: report.caughtUp, news: report.notifications)
  }

  /// All news so far have been shown: they do not come again.
  public func shown() async throws(Failure) {
    try await failing { try await client.notified() }
  }
}
