import Models
import SwiftUI

/// What stands against the account's server, and below it the word that takes it as it is.
struct DoubtView: View {
  private let model: ChatListModel
  private let doubt: Doubt

  init(_ model: ChatListModel, _ doubt: Doubt) {
    self.model = model
    self.doubt = doubt
  }

  var body: some View {
    List {
      Section("Nothing is sent there since") { Text(doubt.since, style: .date) }
      Section("Why") {
        if let why = doubt.why { Text(why) }
        Text(doubt.keys).font(.footnote.monospaced()).textSelection(.enabled)
      }
      Section("What now") {
        Text(
          "Somebody may sit in between. Ask your server's operator by another way whether this is as it should be. "
            + "Only then take it as it is: it is met anew, and what was known of it is forgotten."
        )
        .font(.footnote)
        Button("Take it as it is", role: .destructive) { Task { await model.acceptServer() } }
      }
    }
    .navigationTitle("The server is not who it was")
  }
}
