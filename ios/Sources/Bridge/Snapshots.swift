import DunnockCore

/// What a screen shows, whole, and again after each change. It is pulled: a screen that lags misses what was in between
/// and never what is.
///
/// Leaving the loop, or the end of the task that runs it, ends the window in the core.
public struct Snapshots<Element: Sendable>: AsyncSequence, Sendable {
  let pull: @Sendable () async throws -> Element?
  let end: @Sendable () -> Void

  public func makeAsyncIterator() -> Iterator { Iterator(window: Window(end), pull: pull) }

  public struct Iterator: AsyncIteratorProtocol {
    let window: Window
    let pull: @Sendable () async throws -> Element?

    /// The next state, or nothing once the window, the account or the home was ended.
    public func next() async throws -> Element? {
      // Swift's cancelling does not reach into the core by itself: without the end its `next` would wait on.
      try await withTaskCancellationHandler {
        try await failing { try await pull() }
      } onCancel: { [window] in
        window.end()
      }
    }
  }

  /// Ends the core's window when the last iterator is gone.
  final class Window: Sendable {
    let end: @Sendable () -> Void
    init(_ end: @escaping @Sendable () -> Void) { self.end = end }
    deinit { end() }
  }
}
