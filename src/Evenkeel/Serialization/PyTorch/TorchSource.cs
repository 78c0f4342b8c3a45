namespace Evenkeel.Serialization;

/// <summary>A file of PyTorch that is being read: its name in errors, and the memory it may take.</summary>
/// <param name="Name">What errors call it.</param>
/// <param name="Budget">The memory.</param>
internal sealed record TorchSource(string Name, ReadBudget Budget)
{
    public InvalidDataException Bad(string wrong, string remedy) =>
        new($"PyTorchFile \"{Name}\": {wrong}. {remedy}");
}
