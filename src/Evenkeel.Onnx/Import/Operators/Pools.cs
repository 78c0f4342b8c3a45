namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Pooling over windows and over everything.</summary>
internal static class Pools
{
    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["GlobalAveragePool"] = static _ => Activations.Kernel(
            static x => x.Mean([.. Enumerable.Range(2, x.Shape.Rank - 2)], keepDims: true));
        all["GlobalMaxPool"] = static _ => Activations.Kernel(static x =>
        {
            for (int axis = 2; axis < x.Shape.Rank; axis++) x = x.Max(axis, keepDims: true);
            return x;
        });
    }
}
