/// Lets calls through while the app may work. A suspended core is woken by any call and then holds files open, which costs a
/// frozen app its life: so a suspension waits for the calls under way, and those that come later wait for its end.
actor Gate {
  private var isOpen = true
  private var inside = 0
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var closing: [CheckedContinuation<Void, Never>] = []

  func enter() async {
    while !isOpen { await withCheckedContinuation { waiting.append($0) } }
    inside += 1
  }

  func leave() {
    inside -= 1
    if inside == 0 { Self.wake(&closing) }
  }

  /// Returns once nobody is inside.
  func close() async {
    isOpen = false
    while inside > 0 { await withCheckedContinuation { closing.append($0) } }
  }

  func open() {
    isOpen = true
    Self.wake(&waiting)
  }

  private static func wake(_ sleepers: inout [CheckedContinuation<Void, Never>]) {
    for sleeper in sleepers { sleeper.resume() }
    sleepers = []
  }
}
