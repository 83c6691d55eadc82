import Bridge
import Foundation
import Models
import Observation
import TestStage

/// Waits until what a model shows fits: looked at now, and again whenever something of what was looked at changes.
@MainActor func until(_ fits: @escaping @MainActor () -> Bool) async {
  // The end of a test's time ends it as well.
  while !Task.isCancelled {
    let (changes, change) = AsyncStream<Void>.makeStream()
    if withObservationTracking({ fits() }, onChange: { change.yield() }) { return }
    for await _ in changes { break }
    // It is told before the change is made: the next turn of the main actor sees it.
    await Task.yield()
  }
}

/// Somebody with the app on a device of their own, as the screens have it.
@MainActor final class User {
  let scratch = Scratch()
  let app: AppModel
  private var following: [Task<Void, Never>] = []

  init(key byte: UInt8 = 7, push: PushSetting? = nil) {
    app = AppModel(
      home: URL(fileURLWithPath: scratch.path),
      keys: MemoryKeys(StoreKey(repeatElement(byte, count: 32))!), push: push)
  }

  /// Opens the app, and fills in the first screen for an account that is to be made.
  func atSignIn(_ name: String) async -> SignInModel {
    await app.open()
    guard case .signIn(let model) = app.stage else { fatalError("a new home has no account") }
    model.address = Stage.here.newAddress(name)
    model.password = Stage.password
    model.host = "127.0.0.1"
    model.port = "\(Stage.here.port)"
    model.authorities = Stage.here.authority
    model.making = true
    return model
  }

  /// Signs in, and looks at the chats.
  func signedIn(_ name: String) async -> ChatListModel {
    let model = await atSignIn(name)
    await app.submit(model)
    guard case .chats(let chats) = app.stage else { fatalError("\(String(describing: model.failure))") }
    follow(chats.follow)
    await until { chats.connection?.isOnline == true }
    return chats
  }

  /// Looks at something, as a screen does, until the end.
  func follow(_ look: @escaping @MainActor () async -> Void) {
    following.append(Task { @MainActor in await look() })
  }

  /// Puts the device away.
  func end() async {
    for task in following { task.cancel() }
    for task in following { await task.value }
    await app.end()
  }
}
