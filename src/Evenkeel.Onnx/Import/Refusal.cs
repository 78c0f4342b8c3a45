namespace Evenkeel.Onnx.Import;

/// <summary>The reason why a node cannot be a part of a network here.</summary>
/// <param name="reason">The reason, as the end of a sentence.</param>
internal sealed class Refusal(string reason) : Exception(reason);
