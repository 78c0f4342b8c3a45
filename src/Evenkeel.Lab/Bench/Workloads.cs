namespace Evenkeel.Lab.Bench;

/// <summary>The cases as a user would write them, through the public interface, with all gradients that a training step needs.</summary>
internal static class Workloads
{
    /// <summary>One call of a case, or null where the layer does not exist yet.</summary>
    public static Action? Create(BenchCase one) => null;
}
