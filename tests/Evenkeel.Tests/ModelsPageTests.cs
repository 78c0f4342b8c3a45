using System.Text.RegularExpressions;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Workbench.Models;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>What docs/models.md shows is what can be made.</summary>
public sealed partial class ModelsPageTests
{
    private static readonly string s_page = Page();

    [Fact]
    public void The_file_on_the_page_is_a_network()
    {
        string json = s_page.Split("```json\n")[1].Split("```")[0];
        Module model = ModuleDescription.FromJson(json, new Philox(1));
        Assert.Equal([2, 10], model.OutputShape([3, 32, 32]));
        Assert.Equal(["0", "1", "2", "3", "4", "5", "head"], model.Children.Keys);
        Assert.Equal(0.01, ((BatchNorm2d)model.Children["1"]).Average.WeightOfNew);
        // He's deviation, sqrt(2/27), not PyTorch's sqrt(1/27/3).
        float[] weights = model.Parameters()[0].Value.ToArray<float>();
        Assert.Equal(Math.Sqrt(2.0 / 27), Math.Sqrt(weights.Average(static w => w * w)), 0.03);
    }

    [Fact]
    public void The_names_on_the_page_are_names()
    {
        string[] rows = [.. s_page.Split('\n').Where(static line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(static line => line.Split('|')[1])];
        string[] names = [.. rows.SelectMany(static row => Code().Matches(row).Select(static m => m.Groups[1].Value))];
        string[] models = [.. names.Where(static name => name.StartsWith("mlp", StringComparison.Ordinal)
            || name.StartsWith("lenet", StringComparison.Ordinal) || name.StartsWith("res", StringComparison.Ordinal))];
        Assert.Equal(8, models.Length);
        Shape sample = [3, 32, 32];
        foreach (string name in models)
            Assert.Equal([2, 4], ModelCatalog.Create(name, sample, 4, null, 0, new Philox(1)).OutputShape(sample));
        Assert.All(NormName.Names, name => Assert.Contains(name, names));
        foreach (Match norm in Norms().Matches(s_page)) Assert.NotNull(NormName.Parse(norm.Groups[1].Value));
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex("`((?:batch|group):[^`]+)`")]
    private static partial Regex Norms();

    private static string Page()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Evenkeel.slnx"))) folder = folder.Parent;
        return File.ReadAllText(Path.Combine(folder.FullName, "docs", "models.md"));
    }
}
