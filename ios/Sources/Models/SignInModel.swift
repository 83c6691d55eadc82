import Bridge
import Observation

/// How the server is to be reached, as one chooses on the screen.
public enum RouteChoice: String, CaseIterable, Identifiable, Sendable {
  case direct, tor, socks

  public var id: Self { self }

  /// The name on the screen.
  public var words: String {
    switch self {
    case .direct: "Direct"
    case .tor: "Tor"
    case .socks: "SOCKS5 proxy"
    }
  }

  /// Where Orbot, and most Tors of one's own, listen.
  static let usualProxy = (host: "127.0.0.1", port: "9050")

  /// The route with what was filled in for a proxy.
  func route(host: String, port: String) throws(Failure) -> Route {
    switch self {
    case .direct: .direct
    case .tor: .tor
    case .socks: .socks5(host: host, port: try portNumber(port, of: "proxy's port"))
    }
  }

  /// What it means.
  public var explanation: String {
    switch self {
    case .direct: "The server learns your network address."
    case .tor: "Through the Tor network, by the Tor in this app. Slower; the server does not learn where you are."
    case .socks: "Through a proxy of yours, Orbot for example. Names are resolved there."
    }
  }
}

/// Signing in, or making an account. An account that cannot log in is not kept.
@MainActor @Observable
public final class SignInModel {
  public var address = ""
  public var password = ""
  public var route = RouteChoice.direct
  public var proxyHost = RouteChoice.usualProxy.host
  public var proxyPort = RouteChoice.usualProxy.port
  /// Make the account on its server first.
  public var making = false
  /// Another host and port than DNS says, and the only authorities to trust, as PEM text; for servers of one's own.
  public var host = ""
  public var port = ""
  public var authorities: String?
  /// Whether it is under way.
  public private(set) var isBusy = false
  /// Why it did not work.
  public private(set) var failure: Failure?

  /// How Tor stands, once it is the way.
  public let tor: TorModel

  private let home: Home

  public init(_ home: Home) {
    self.home = home
    tor = TorModel(home)
  }

  /// Whether enough is filled in to try. An account that is made may leave its password to the engine.
  public var canSubmit: Bool { !isBusy && !address.isEmpty && (making || !password.isEmpty) }

  /// Tries once; hands back the account once it is online.
  public func submit() async -> Session? {
    guard canSubmit else { return nil }
    isBusy = true
    defer { isBusy = false }
    failure = nil
    do {
      let session = try await home.add(wanted(), making: making)
      do {
        try await proved(session)
      } catch {
        // What made it fail is what the person has to hear, not that tidying up failed too.
        try? await home.remove(session)
        throw error
      }
      password = ""
      return session
    } catch {
      failure = error as? Failure ?? Failure(.internal)
      return nil
    }
  }

  private func wanted() throws(Failure) -> NewSession {
    var new = NewSession(address: address, password: password.isEmpty ? nil : password, route: try wantedRoute())
    new.host = host.isEmpty ? nil : host
    if !port.isEmpty { new.port = try portNumber(port, of: "port") }
    new.authorities = authorities
    return new
  }

  private func wantedRoute() throws(Failure) -> Route {
    try route.route(host: proxyHost, port: proxyPort)
  }

  /// Waits for the login. The first failure counts, where a running account would try again.
  private func proved(_ session: Session) async throws {
    let states = session.connections()
    try await session.connect()
    for try await connection in states {
      if connection.state == .online { return }
      if let code = connection.error { throw Failure(code: code, about: subject) }
      if connection.state == .refused || connection.state == .contradiction {
        throw Failure(.loginRefused, about: address)
      }
    }
    throw Failure(.ended, about: address)
  }

  private var subject: String {
    let domain = address.split(separator: "@").last.map(String.init) ?? address
    return host.isEmpty ? domain : host
  }
}

/// The number in a field for a port; `what` names the field where it holds none.
private func portNumber(_ text: String, of what: String) throws(Failure) -> UInt16 {
  guard let number = UInt16(text), number > 0 else { throw Failure(.invalidInput, about: what) }
  return number
}
