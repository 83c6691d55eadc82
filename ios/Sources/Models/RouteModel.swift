import Bridge
import Observation

/// The way of an account to its server, and choosing another: a proxy that is gone is mended without signing in again.
@MainActor @Observable
public final class RouteModel {
  public var choice = RouteChoice.direct
  public var proxyHost = RouteChoice.usualProxy.host
  public var proxyPort = RouteChoice.usualProxy.port
  /// The way that is taken, in words; nothing before it is known.
  public private(set) var words: String?
  /// Why another could not be chosen.
  public private(set) var failure: Failure?

  private let session: Session

  init(_ session: Session) {
    self.session = session
  }

  /// Fills in the way that is taken.
  public func load() async {
    do {
      let route = try await session.route()
      switch route {
      case .direct: choice = .direct
      case .tor: choice = .tor
      case .socks5(let host, let port):
        choice = .socks
        (proxyHost, proxyPort) = (host, "\(port)")
      }
      words = Self.words(route)
    } catch {
      failure = error
    }
  }

  /// Goes the way that was filled in, and no other.
  public func choose() async {
    do {
      let route = try choice.route(host: proxyHost, port: proxyPort)
      try await session.choose(route)
      words = Self.words(route)
      failure = nil
    } catch {
      failure = error
    }
  }

  private static func words(_ route: Route) -> String {
    switch route {
    case .direct: "Directly: your server learns your network address"
    case .tor: "Over Tor only"
    case .socks5(let host, let port): "Over the proxy \(SafeText.name(host)) port \(port) only"
    }
  }
}
