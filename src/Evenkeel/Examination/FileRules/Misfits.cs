namespace Evenkeel.Examination;

/// <summary>EK121: shapes that do not fit together.</summary>
internal sealed class Misfits : FileRule
{
    private const string Remedy = "The file is damaged, or its parts come from different networks: get it again.";

    public override string Id => "EK121";

    public override string Title => "shapes do not fit";

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedLayer layer in network.Layers)
        {
            if (layer.Misfit is { } misfit)
            {
                findings.Add(
                    FindingLevel.Error, layer.Name, [], 1, 0, $"{Sentence(misfit)} The layer cannot run.", Remedy);
            }
            else if (layer is ExaminedNorm { AreNeighboursCertain: true, Before: { Misfit: null } before } norm
                && norm.Family is NormFamily.Batch or NormFamily.Instance && before.Outputs != norm.Channels)
            {
                findings.Add(FindingLevel.Error, norm.Name, [], norm.Channels, before.Outputs,
                    $"Expected {before.Outputs} channels, the outputs of {before.Name}; got {norm.Channels}. The layer "
                    + "cannot run.", Remedy);
            }
        }
    }

    private static string Sentence(string text) => $"{char.ToUpperInvariant(text[0])}{text[1..]}.";
}
