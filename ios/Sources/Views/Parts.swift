import Bridge
import Models
import SwiftUI

/// Why something did not work, and what to do.
struct FailureView: View {
  private let failure: Failure

  init(_ failure: Failure) { self.failure = failure }

  var body: some View {
    VStack(alignment: .leading, spacing: 4) {
      Label(failure.cause, systemImage: "exclamationmark.triangle").foregroundStyle(.red)
      Text(failure.remedy).font(.footnote).foregroundStyle(.secondary)
    }
    .accessibilityElement(children: .combine)
  }
}

/// How far the start of Tor is, and why it gets no further.
struct TorView: View {
  private let line: TorLine

  init(_ line: TorLine) { self.line = line }

  var body: some View {
    VStack(alignment: .leading, spacing: 4) {
      if let progress = line.progress {
        ProgressView(line.words, value: progress)
      } else {
        Label(line.words, systemImage: "network").font(.footnote)
      }
      if let blocked = line.blocked { FailureView(blocked) }
    }
    .accessibilityElement(children: .combine)
  }
}

/// How a message is sealed, as a small lock.
struct SealMark: View {
  private let sealing: Sealing
  private let words: String

  init(_ sealing: Sealing, _ words: String) {
    self.sealing = sealing
    self.words = words
  }

  var body: some View {
    Image(systemName: sealing == .none ? "lock.open" : sealing == .full ? "lock.fill" : "lock")
      .foregroundStyle(sealing == .none ? Color.red : Color.secondary)
      .accessibilityLabel(words)
  }
}

/// How far a message of ours came.
struct DeliveryMark: View {
  private let fate: Bubble.Fate

  init(_ fate: Bubble.Fate) { self.fate = fate }

  var body: some View {
    HStack(spacing: 2) {
      Image(systemName: symbol)
      Text(fate.words)
    }
    .font(.caption2)
    .foregroundStyle(fate.delivery == .failed ? Color.red : Color.secondary)
    .accessibilityElement(children: .combine)
  }

  private var symbol: String {
    switch fate.delivery {
    case .waiting: "clock"
    case .sending: "arrow.up"
    case .sent: "checkmark"
    case .failed: "exclamationmark.circle"
    case .delivered: "checkmark.circle"
    case .displayed: "checkmark.circle.fill"
    }
  }
}
