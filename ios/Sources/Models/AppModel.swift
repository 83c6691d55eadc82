import Bridge
import Foundation
import Observation

/// The app: its home, the account that is signed in, and where the app stands in its life.
@MainActor @Observable
public final class AppModel {
  /// What is to be seen.
  public enum Stage {
    /// The home is being opened.
    case opening
    /// It cannot be opened.
    case broken(Failure)
    /// No account yet.
    case signIn(SignInModel)
    /// The chats of an account.
    case chats(ChatListModel)
  }

  public private(set) var stage = Stage.opening

  private let folder: URL
  private let keys: any KeyStore
  private let setting: PushSetting?
  private var home: Home?
  private var session: Session?
  /// What the system calls this device by, once it has said so.
  private var token: Data?
  /// Changes of life one after the other: the system does not wait with the next one.
  private var moving: Task<Void, Never>?

  public init(home folder: URL, keys: any KeyStore, push setting: PushSetting? = nil) {
    self.folder = folder
    self.keys = keys
    self.setting = setting
  }

  /// Opens the home and goes online. A second call does nothing, after a failure it tries again.
  public func open() async {
    switch stage {
    case .broken: stage = .opening
    case .opening where home == nil: break
    default: return
    }
    do {
      let home = try await Home.open(folder: folder.path, key: try key())
      self.home = home
      if let session = try await home.sessions().first {
        try await session.connect()
        await show(session, of: home)
      } else if let damage = try await home.damage() {
        stage = .broken(damage)
      } else {
        stage = .signIn(SignInModel(home))
      }
    } catch {
      stage = .broken(Self.failure(error))
    }
  }

  /// Signs in with what was filled in.
  public func submit(_ model: SignInModel) async {
    if let session = await model.submit(), let home { await show(session, of: home) }
  }

  /// Disconnects the account and wipes it from this device.
  public func signOut() async {
    guard let home, let session else { return }
    do {
      try await home.remove(session)
      self.session = nil
      stage = .signIn(SignInModel(home))
    } catch {
      stage = .broken(error)
    }
  }

  /// Somebody is signed in who can be woken: the system is to be asked for a token.
  public var wantsToken: Bool {
    if case .chats(let chats) = stage { chats.push.isWanted } else { false }
  }

  /// The system calls this device by this; nothing if it, or the person, does not want to.
  public func take(token: Data?) async {
    self.token = token
    guard case .chats(let chats) = stage else { return }
    if let token { await chats.push.register(token) } else { chats.push.refused() }
  }

  /// The system moved the app; returns when the core has followed.
  public func move(to lifecycle: Lifecycle) async {
    guard let home else { return }
    let before = moving
    let task = Task { [home] in
      await before?.value
      // Nothing can be done about a failure here; the connection's line tells what there is to tell.
      try? await home.move(to: lifecycle)
    }
    moving = task
    await task.value
  }

  /// The system tells of another network, or of one again.
  public func networkChanged() async {
    try? await home?.networkChanged()
  }

  /// Closes the home; for the end of a test, the system ends apps without asking.
  public func end() async {
    try? await home?.end()
    home = nil
    session = nil
  }

  private func show(_ session: Session, of home: Home) async {
    self.session = session
    let push = PushModel(session, setting)
    stage = .chats(ChatListModel(session, tor: TorModel(home), push: push))
    if let token { await push.register(token) }
  }

  private func key() throws -> StoreKey {
    if let key = try keys.stored() { return key }
    return try keys.make()
  }

  private static func failure(_ error: any Error) -> Failure {
    error as? Failure ?? Failure(.keyFile, about: "this device's keychain")
  }
}
