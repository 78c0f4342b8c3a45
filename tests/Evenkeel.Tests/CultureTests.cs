using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using Evenkeel.Data;
using Evenkeel.Diagnostics;
using Evenkeel.Lab.Claims;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Surgery;
using Evenkeel.Tables;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>
/// What is written and read does not follow the thread's culture. The cultures are made by hand, so that the tests need
/// no culture data: the number formats of German and of Arabic (Saudi Arabia).
/// </summary>
public sealed class CultureTests
{
    public static TheoryData<string> Cultures => ["de-DE", "ar-SA"];

    [Theory]
    [MemberData(nameof(Cultures))]
    public void Every_text_is_the_same_in_every_culture(string name)
    {
        string[] expected = [.. Texts()];
        Assert.Contains(expected, static text => text.Contains("-1.5", StringComparison.Ordinal));
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = Culture(name);
            // The culture is one that shows.
            Assert.NotEqual("-1.5", (-1.5).ToString(CultureInfo.CurrentCulture));
            Assert.Equal(expected, Texts());
            // The compiler of a user's program asks the thread; only the library's own texts do not.
            Assert.NotEqual("-1.5", $"{-1.5}");
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [MemberData(nameof(Cultures))]
    public void Numbers_are_read_alike_in_every_culture(string name)
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        string folder = Directory.CreateTempSubdirectory("evenkeel-culture").FullName;
        try
        {
            CultureInfo.CurrentCulture = Culture(name);
            string csv = Path.Combine(folder, "t.csv");
            File.WriteAllText(csv, "a,b,label\n-1.5,2e-3,x\n1000.25,-0.5,y\n");
            TableDataset data = TableSchema.Learn(csv).Load(csv);
            Tensor batch = Tensor.Zeros([2, 2]);
            data.CopyTo([0, 1], batch);
            Assert.Equal([-1.5f, 0.002f, 1000.25f, -0.5f], batch.ToArray<float>());
            var model = new Sequential(new Linear(2, 2, random: new Philox(1)), new BatchNorm1d(2, momentum: 0.003));
            model.Forward(new Tape().Input(Tensor.RandomNormal([4, 2], new Philox(2))));
            string path = Path.Combine(folder, "model.safetensors");
            model.Save(path);
            var read = new Sequential(new Linear(2, 2), new BatchNorm1d(2));
            read.Load(path);
            Assert.Equal(WeightsHash.Of(model), WeightsHash.Of(read));
            Assert.Equal(0.997, ((BatchNorm1d)read[1]).Running!.StartValuesLeft, Tolerances.Float64Roundoff);
            Npy.Write(Path.Combine(folder, "x.npy"), batch);
            Assert.Equal(batch.ToArray<float>(), Npy.Read(Path.Combine(folder, "x.npy")).ToArray<float>());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_record_with_numbers_says_them_by_itself()
    {
        // The text that the compiler gives a record asks the thread's culture; nested records count as their own.
        Type[] numbers = [typeof(double), typeof(float), typeof(double?), typeof(float?)];
        var records = typeof(Tensor).Assembly.GetExportedTypes().Where(static type => type.GetMethod(
            "PrintMembers", BindingFlags.Instance | BindingFlags.NonPublic) is not null).ToList();
        Assert.True(records.Count > 15);
        foreach (Type record in records)
        {
            bool hasNumbers = record.GetProperties(BindingFlags.Instance | BindingFlags.Public)
                .Any(property => numbers.Contains(property.PropertyType));
            bool isGenerated = record.GetMethod("ToString", [])!.IsDefined(typeof(CompilerGeneratedAttribute), false);
            Assert.False(hasNumbers && isGenerated, $"{record.Name} prints numbers by the text that the compiler gives "
                + $"it: override ToString with InvariantText.Of.");
        }
    }

    private static IEnumerable<string> Texts()
    {
        var model = new Sequential(new Linear(40, 300, random: new Philox(1)), new BatchNorm1d(300, momentum: 0.25),
            new LeakyReLU(0.125), new Dropout(0.5), new Linear(300, 5, random: new Philox(2)));
        Tensor x = Tensor.RandomNormal([6, 40], new Philox(3));
        var record = new EpochRecord(1, 4, -1.5, 1e-3, new Scores(["loss"], [0.25]), new Scores(["f1"], [double.NaN]));
        yield return Tensor.From([-1.5, 1e-7, 12345.678, double.NaN, double.NegativeInfinity], [5]).ToString();
        yield return model.ToString();
        yield return model.Summary([6, 40]);
        yield return model.InitReport().ToString();
        yield return model.Inspect(x).ToString();
        yield return model.Inspect(x).Layers[0].ToString();
        yield return model.Fold(x).ToString();
        yield return model.Recalibrate(x).ToString();
        yield return model.Recalibrate(x).Layers[0].ToString();
        yield return TensorStatistics.Of(x, bins: 3).ToString();
        yield return TensorStatistics.Of(x, bins: 3).Histogram!.ToString();
        yield return GradientCheck.Run(static (Tensor v) => v.Square(), Tensor.From(-1.5, 0.25)).ToString();
        yield return GradientCheck.Run(static (Tensor v) => v.ReLU(), Tensor.From(-1.5, -0.25)).ToString();
        yield return new GradientCheckOptions().ToString();
        yield return new WeightStandardization(0.5).ToString();
        yield return RunningAverage.Keep(0.99).Describe();
        yield return RenormLimits.Paper.ToString();
        yield return new TrainProgress(1, 2, 3, 4, -1.5, record, 1234.5, true, null).ToString();
        yield return record.ToString();
        yield return new Normalize([0.5f, -0.25f], [0.125f, 1e-5f]).ToString();
        yield return new BatchPlan(60000, 256).ToString();
        yield return Bound.Between(-1.5, 0.25).ToString();
        yield return Assert.ThrowsAny<ArgumentException>(static () => new Dropout(-1.5)).Message;
        yield return Assert.ThrowsAny<ArgumentException>(static () => new BatchNorm1d(3, eps: -0.5)).Message;
        yield return Assert.ThrowsAny<ArgumentException>(static () => RunningAverage.Torch(-1.5)).Message;
        yield return Assert.ThrowsAny<ArgumentException>(static () => Tensor.Ones([4]).Reshape(-2, -2)).Message;
        yield return Assert.ThrowsAny<ArgumentException>(static () => new Unflatten(1, [-3, -5])).Message;
        yield return Assert.ThrowsAny<ArgumentException>(static () => Tensor.Ones([4, 2]).Permute(-1, -5)).Message;
        yield return Assert.ThrowsAny<ArgumentException>(static () => new Shape(-4, 2)).Message;
    }

    /// <summary>The invariant culture with another country's numbers.</summary>
    private static CultureInfo Culture(string name)
    {
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        NumberFormatInfo numbers = culture.NumberFormat;
        (numbers.NumberDecimalSeparator, numbers.NumberGroupSeparator, numbers.NegativeSign) = name == "de-DE"
            ? (",", ".", "-")
            : ("\u066B", "\u066C", "\u061C-");
        (numbers.PercentDecimalSeparator, numbers.PercentGroupSeparator) =
            (numbers.NumberDecimalSeparator, numbers.NumberGroupSeparator);
        if (name == "ar-SA")
            (numbers.NaNSymbol, numbers.PercentSymbol) = ("\u0644\u064A\u0633\u00A0\u0631\u0642\u0645", "\u066A\u061C");
        else (numbers.PositiveInfinitySymbol, numbers.NegativeInfinitySymbol) = ("\u221E", "-\u221E");
        return culture;
    }
}
