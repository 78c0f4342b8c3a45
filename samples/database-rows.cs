#:project ../src/Evenkeel/Evenkeel.csproj
#:package Microsoft.Data.Sqlite@10.0.12
// Rows of a database: a table of flats becomes a data set, and a net learns their rents. The noise of a rent is 50.
// Prints: root mean square error on 1000 other flats: 53.3 (the noise alone: 50.0)
using System.Data;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Microsoft.Data.Sqlite;

string file = Path.GetTempFileName();
using (var database = new SqliteConnection($"Data Source={file};Pooling=False"))
{
    database.Open();
    void Run(FormattableString sql) => new SqliteCommand(FormattableString.Invariant(sql), database).ExecuteNonQuery();
    var random = new Philox(1);
    Run($"CREATE TABLE flats (area REAL, built INTEGER, rent REAL); BEGIN");
    for (int i = 0; i < 5000; i++)
    {
        int built = 1900 + random.NextInt(120);
        double area = 20 + 100 * random.NextDouble(), age = Math.Tanh((built - 1960) / 20.0);
        Run($"INSERT INTO flats VALUES ({area}, {built}, {8 * area + 300 * age + 50 * random.NextNormal()})");
    }
    Run($"COMMIT");
    using SqliteDataReader rows = new SqliteCommand("SELECT area, built, rent FROM flats", database).ExecuteReader();
    TensorDataset flats = Dataset.From(
        rows.Cast<IDataRecord>(), row => [row.GetDouble(0), row.GetInt64(1)], row => row.GetDouble(2));
    Subset training = new(flats, [.. Enumerable.Range(0, 4000)]), test = new(flats, [.. Enumerable.Range(4000, 1000)]);
    Standardizer units = Standardizer.Fit(training, targets: true);
    var model = new Sequential(new Linear(2, 32), new BatchNorm1d(32), new ReLU(), new Linear(32, 1));
    model.Initialize(Init.KaimingNormal, seed: 1);
    var trainer = new Trainer(model, new Adam(model.Parameters(), 1e-2), new MSELoss(), new() { Epochs = 20 });
    trainer.Fit(units.Apply(training));
    double error = trainer.Evaluate(units.Apply(test))["rmse"] * units.TargetStd!.Item();
    Console.WriteLine($"root mean square error on 1000 other flats: {error:F1} (the noise alone: 50.0)");
}
File.Delete(file);
