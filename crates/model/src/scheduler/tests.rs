mod chaos;
mod decisions;
mod load;
mod simulator;
mod windows;
mod year;
