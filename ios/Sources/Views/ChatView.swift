import Models
import SwiftUI

/// One chat: its rows, and the field to write in.
struct ChatView: View {
  @State private var model: ChatModel
  private let devices: DevicesModel

  init(_ model: ChatModel, devices: DevicesModel) {
    _model = State(initialValue: model)
    self.devices = devices
  }

  var body: some View {
    VStack(spacing: 0) {
      rows
      if let failure = model.failure { FailureView(failure).padding() }
      if model.wantsPlain {
        Button("Allow plain text in this chat") { Task { await model.allowPlain() } }
      }
      composer
    }
    .navigationTitle(model.title)
    .toolbar {
      ToolbarItem(placement: .primaryAction) {
        NavigationLink {
          DevicesView(devices)
        } label: {
          Label("Devices", systemImage: "key")
        }
      }
    }
    .task { await model.follow() }
  }

  private var rows: some View {
    ScrollView {
      LazyVStack(spacing: 8) {
        if model.hasOlder {
          Button("Earlier messages") { Task { await model.loadOlder() } }
        }
        ForEach(model.bubbles) { bubble in
          BubbleView(bubble, model)
        }
      }
      .padding()
    }
    .defaultScrollAnchor(.bottom)
  }

  private var composer: some View {
    HStack(spacing: 8) {
      TextField("Message", text: $model.draft, axis: .vertical).lineLimit(5)
      Button {
        Task { await model.send() }
      } label: {
        Image(systemName: "paperplane.fill")
      }
      .accessibilityLabel("Send")
      .disabled(model.draft.isEmpty)
    }
    .padding()
  }
}

private struct BubbleView: View {
  private let bubble: Bubble
  private let model: ChatModel

  init(_ bubble: Bubble, _ model: ChatModel) {
    self.bubble = bubble
    self.model = model
  }

  var body: some View {
    HStack(spacing: 0) {
      if bubble.own { Spacer() }
      VStack(alignment: bubble.own ? .trailing : .leading, spacing: 4) {
        VStack(alignment: .leading, spacing: 4) {
          if let quote = bubble.quote { Text(quote).font(.footnote).foregroundStyle(.secondary).lineLimit(1) }
          content
          HStack(spacing: 4) {
            if let sealing = bubble.sealing, let words = bubble.sealWords {
              SealMark(sealing, words).font(.caption2)
            }
            Text(bubble.time, style: .time).font(.caption2).foregroundStyle(.secondary)
            if let fate = bubble.fate { DeliveryMark(fate) }
          }
        }
        .accessibilityElement(children: .ignore)
        .accessibilityLabel(bubble.spoken)
        remedy
      }
      .padding()
      .background(bubble.own ? Color.blue.opacity(0.2) : Color.secondary.opacity(0.15))
      .clipShape(RoundedRectangle(cornerRadius: 16))
      if !bubble.own { Spacer() }
    }
  }

  @ViewBuilder private var content: some View {
    switch bubble.content {
    case .text(let text, _):
      Text(text)
    case .unreadable(let reason):
      Label("This message cannot be read: \(reason)", systemImage: "eye.slash").foregroundStyle(.secondary)
    }
  }

  // Beside what is read out as one: these can be pressed.
  @ViewBuilder private var remedy: some View {
    if case .text(_, isCut: true) = bubble.content {
      Button("Show all of it") { model.showWhole(bubble) }.font(.footnote)
    }
    if let failure = bubble.fate?.failure { FailureView(failure) }
    if bubble.wantsPlain, !model.isPlainAllowed {
      Button("Allow plain text in this chat, and send") { Task { await model.allowPlain(for: bubble) } }
    } else if bubble.canSendAgain {
      Button("Send again") { Task { await model.sendAgain(bubble) } }
    }
  }
}
