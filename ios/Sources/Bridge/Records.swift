// The core's plain values under this module's name: models read them and do not know where they come from.

import DunnockCore

/// One line of the chat list.
public typealias ChatItem = DunnockCore.ChatItem
/// One row of a chat.
public typealias TimelineItem = DunnockCore.TimelineItem
/// A person in the contact list.
public typealias Contact = DunnockCore.Contact
/// A device that can read or write a chat.
public typealias DeviceView = DunnockCore.DeviceView
/// How the connection stands.
public typealias Connection = DunnockCore.Connection
/// Where a connection stands, as one word.
public typealias ConnectionState = DunnockCore.State
/// What is remembered of an account's server.
public typealias Server = DunnockCore.Server
/// How much of a message was sealed.
public typealias Sealing = DunnockCore.Sealing
/// What became of a message of ours.
public typealias Delivery = DunnockCore.Delivery
/// How many devices a message was encrypted to.
public typealias Reach = DunnockCore.Reach
/// What we think of a device's key.
public typealias Trust = DunnockCore.Trust
/// How an account reaches its server.
public typealias Route = DunnockCore.Route
/// Where the app stands.
public typealias Lifecycle = DunnockCore.Lifecycle
/// How Tor inside of this app stands.
public typealias TorStatus = DunnockCore.TorStatus
/// How far the push of an account is.
public typealias Push = DunnockCore.Push
/// How far a push is, as one word.
public typealias PushState = DunnockCore.PushState
/// What went wrong.
public typealias ErrorKind = DunnockCore.ErrorKind
/// A message that somebody is to be told of.
public typealias News = DunnockCore.Notification
